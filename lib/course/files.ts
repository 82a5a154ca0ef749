/**
 * Files as commands read and write them.
 *
 *     readInput("mine.ts")            the text, or a sentence on why it cannot be read
 *     writeWhole("mine.ts", text)     mine.ts~4711-1 is written, then renamed: others see the old text or the
 *                                     new one, never half of it
 *     writeNew("saved/1.txt", text)   the same, but never in place of a file that is there
 *
 * Why a rename: a command may be killed, the disk may be full, two commands may run at once. `rename` and
 * `link` are one step for everybody who looks.
 *
 * Not in Linux: part of the course, not of the machine. man 2 rename, man 2 link
 */
import {
  chmodSync,
  linkSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { CommandFailure, isSystemError, systemReason } from "./commands/errors.js";
import { shortPath } from "./paths.js";

/** The largest file that any command reads; a notebook with its outputs may have some MiB. */
const MAX_INPUT_BYTES = 64 * 2 ** 20;

/**
 * The text of the file at `path`. Throws a `CommandFailure` that says why it cannot be read: it is not there,
 * a folder, a device, no text, too large, or this user may not. Not in Linux: a helper of the course.
 */
export function readInput(path: string): string {
  const name = shortPath(path);
  try {
    const stats = statSync(path);
    const problem = whyNotReadable(stats);
    if (problem !== undefined) throw new CommandFailure(`${name} cannot be read: ${problem}`);
    const text = readFileSync(path, "utf8");
    if (text.includes("\0")) throw new CommandFailure(`${name} cannot be read: it is no text`);
    return text;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOENT") throw new CommandFailure(`there is no file ${name}`);
    throw new CommandFailure(`${name} cannot be read: ${systemReason(error)}`, { cause: error });
  }
}

function whyNotReadable(stats: Stats): string | undefined {
  if (stats.isDirectory()) return "it is a folder";
  // A pipe is a file to a shell: `pagewalk replay <(...)`.
  if (!stats.isFile() && !stats.isFIFO()) return "it is no file but a device";
  const mebibytes = Math.ceil(stats.size / 2 ** 20);
  if (stats.size > MAX_INPUT_BYTES)
    return `it has ${mebibytes} MiB; ${MAX_INPUT_BYTES / 2 ** 20} MiB is the most`;
  return undefined;
}

/** What is written: a text, or bytes as they are. */
type Content = string | Uint8Array;

let written = 0;

/** A name beside `path` that no other process uses. */
function besides(path: string): string {
  return join(dirname(path), `.${basename(path)}~${process.pid}-${written++}`);
}

/** Writes `text` to a file beside `path`, then lets `place` put it there; nothing is left behind. */
function writeThen(
  path: string,
  text: Content,
  mode: number | undefined,
  place: (temp: string) => void,
): void {
  const temp = besides(path);
  try {
    writeFileSync(temp, text, { flag: "wx", ...(mode === undefined ? {} : { mode }) });
    if (mode !== undefined) chmodSync(temp, mode); // the umask may have taken bits away
    place(temp);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new CommandFailure(`${shortPath(path)} cannot be written: ${systemReason(error)}`, {
      cause: error,
    });
  } finally {
    rmSync(temp, { force: true });
  }
}

/**
 * Makes `text` the content of the file at `path`, in one step. A file that is there keeps its mode; a
 * symbolic link stays one.
 * Not in Linux: a helper of the course.
 */
export function writeWhole(path: string, text: Content, mode?: number): void {
  const old = statSync(path, { throwIfNoEntry: false });
  const target = old === undefined ? path : realpathSync(path);
  writeThen(target, text, mode ?? (old === undefined ? undefined : old.mode & 0o777), (temp) =>
    renameSync(temp, target),
  );
}

/**
 * Makes a file at `path` with `text`, in one step; false when there is something of that name already.
 * Not in Linux: a helper of the course.
 */
export function writeNew(path: string, text: Content): boolean {
  let made = true;
  writeThen(path, text, undefined, (temp) => {
    try {
      linkSync(temp, path);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code === "EEXIST") made = false;
      else made = writeExclusively(path, text); // a file system without hard links
    }
  });
  return made;
}

function writeExclusively(path: string, text: Content): boolean {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST") return false;
    throw error;
  }
}
