import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { RecordReader } from "../record/read.ts";
import { messageOf, readArguments, reading } from "./arguments.ts";
import { versionOfPackage } from "./machine.ts";
import { print } from "./output.ts";
import { type ReportData, type RunData, runDataOf } from "./report-data.ts";

const help = `usage: rmsprop report [--output page.html] [--watch] run.jsonl [more.jsonl]

Writes one HTML page with plots of records that rmsprop/record made, several runs beside each other. The page holds all that
it needs: it opens from its file, and asks no other host for anything.

  --output, -o FILE  where the page is written; by default the first record's name, with .html in the place of its ending
  --watch, -w        writes the page again as the records grow, until Ctrl-C; the page, where it is open, follows`;

/** The page without its data, from both lib/cli and dist/cli. The build makes it of report/. */
const template = new URL("../../dist/cli/report.html", import.meta.url);

/** How often records are looked at, and the page loads anew, in milliseconds. */
const interval = 2000;

/** Names of runs, each once: the names in their heads, with the file's where two have one name. */
function namesOf(readers: readonly RecordReader[]): string[] {
  const plain = readers.map(({ heads, path }) => heads.at(-1)?.name || basename(path).replace(/\.\w+$/, ""));
  return plain.map((name, i) =>
    plain.filter((other) => other === name).length > 1 ? `${name} (${readers[i]?.path ?? i})` : name,
  );
}

/** The page of some runs. */
export function pageOf(runs: readonly RunData[], reload: number | null): string {
  const data: ReportData = { version: versionOfPackage(), made: new Date().toISOString(), reload, runs };
  // In HTML a "<" of a name could end the script.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return readFileSync(template, "utf8").replace("/*data*/", () => json);
}

/** Where a page is put: the file that a link leads to. A page in the place of a device would take it away from everybody. */
function placeOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return file;
  if (!stats.isFile()) throw new Error("there is a folder, a device or the like");
  return realpathSync(file);
}

/** Writes a file so that whoever opens it has all of it. */
function writeWhole(file: string, text: string): void {
  let beside = `${file}.${process.pid}.tmp`;
  try {
    const place = placeOf(file);
    beside = `${place}.${process.pid}.tmp`;
    writeFileSync(beside, text);
    renameSync(beside, place);
  } catch (error) {
    try {
      rmSync(beside, { force: true });
    } catch {} // of the folder the error tells
    throw new Error(`Expected to write the page ${file}, but: ${messageOf(error)}.`);
  }
}

/**
 * `rmsprop report`.
 * @returns the exit code
 */
export async function report(args: readonly string[]): Promise<number> {
  const options = { output: { type: "string", short: "o" }, watch: { type: "boolean", short: "w" } } as const;
  const given = readArguments(args, help, options, [1, 20]);
  if (typeof given === "number") return given;
  const { positionals, values } = given;
  const [first] = positionals as [string];
  const file = values.output ?? `${first.replace(/\.\w+$/, "")}.html`;
  if (positionals.some((path) => resolve(path) === resolve(file))) {
    console.error(`Expected a page beside the records, but ${file} is one of them.`);
    return 2;
  }
  const readers = positionals.map((path) => new RecordReader(path));
  const read = () => readers.map((reader) => reading(reader.path, () => reader.read())).includes(true);
  const write = (reload: number | null) => {
    const names = namesOf(readers);
    writeWhole(
      file,
      pageOf(
        readers.map((reader, i) => runDataOf(reader, names[i] as string)),
        reload,
      ),
    );
  };
  try {
    read();
    const empty = readers.find(({ length, heads }) => length === 0 && heads.length === 0);
    if (empty && !values.watch) {
      throw new Error(`Expected ${empty.path} to be a record of rmsprop/record, but it has no line of one.`);
    }
    write(values.watch ? interval : null);
    print(resolve(file));
    if (!values.watch) return 0;
    await watch(() => {
      if (read()) write(interval);
    });
    read();
    write(null);
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

/** Calls again and again, until the process is asked to end. */
function watch(look: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearInterval(timer);
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
    };
    const timer = setInterval(() => {
      try {
        look();
      } catch (error) {
        end();
        reject(error);
      }
    }, interval);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        end();
        resolve();
      });
    }
  });
}
