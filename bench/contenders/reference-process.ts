// Steps on the backend that the environment names.
import { makeWork, type Work } from "../work.ts";
import { libraryContender } from "./native.ts";
import { serve } from "./remote-process.ts";

let work: Work | undefined;

await serve(async (of) => {
  work?.dispose();
  work = makeWork(of);
  return libraryContender(work);
});
