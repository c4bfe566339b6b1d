// The entry point `rmsprop/distributed` in browsers, where a page is one rank, alone, and has no files.
import "../browser.ts";
import { loneCommunicator } from "./mpi.ts";
import { Ranks } from "./ranks.ts";
import { type ConnectOptions, readTimeout } from "./timeout.ts";

export * from "./api.ts";

const alone = new Ranks(loneCommunicator, null);

/** One rank: as `connect` elsewhere, where no launcher has started more. */
export async function connect(options: ConnectOptions = {}): Promise<Ranks> {
  readTimeout(options);
  return alone;
}
