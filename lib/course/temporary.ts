/**
 * Folders and processes that exist only while a command works, and are gone however it ends.
 *
 *     it returns or throws            remove()
 *     Ctrl-C, SIGTERM, SIGHUP         atEnd's acts, then the signal again, so that the shell sees why it ended
 *     SIGKILL to it                   its children notice (their stdin closes, course/kernel/parent_watch.ts),
 *                                     and the next command sweeps: each folder says whose it is, and which
 *                                     process works in it
 *
 *     .pagewalk/grade-1a2b3c/.owner   { "pid": 4711, "started": "8812345",
 *                                       "child": { "pid": 4712, "started": "8812399", "signal": "SIGKILL" } }
 *
 * A number of a process is used again some day; together with the time at which it started it is not.
 *
 * Not in Linux: part of the course, not of the machine. man 7 signal, man 5 proc_pid_stat
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "./files.js";

const OWNER = ".owner";
/** A folder that does not say whose it is may be one that is just being made. */
const UNKNOWN_OWNER_MS = 10 * 60 * 1000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A process that can be told from a later one with its number. */
interface ProcessId {
  pid: number;
  /** Clock ticks from boot to its start; empty where /proc does not say. */
  started: string;
}

interface Owner extends ProcessId {
  child?: ProcessId & { signal: NodeJS.Signals };
}

function startOf(pid: number): string {
  try {
    // The second field is the name in brackets, which may hold anything; the 22nd is the start.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function isAlive({ pid, started }: ProcessId): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return startOf(pid) === started;
}

/** A folder that is removed at the end. */
export class TemporaryFolder {
  readonly path: string;
  private readonly forget: () => void;

  /** Makes PARENT/PREFIXxxxxxx, after sweeping what dead commands left there. */
  constructor(parent: string, prefix: string) {
    mkdirSync(parent, { recursive: true });
    sweep(parent, prefix);
    this.path = mkdtempSync(join(parent, prefix));
    this.write({});
    this.forget = atEnd(() => this.removeNow());
  }

  /**
   * Says which process group works in the folder; a later command ends it with `signal` if this one could
   * not.
   */
  owns(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
    this.write({ child: { pid, started: startOf(pid), signal } });
  }

  remove(): void {
    this.forget();
    this.removeNow();
  }

  private write(more: Pick<Owner, "child">): void {
    const owner: Owner = { pid: process.pid, started: startOf(process.pid), ...more };
    writeWhole(join(this.path, OWNER), JSON.stringify(owner), 0o600);
  }

  private removeNow(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Removes the folders PARENT/PREFIX... whose commands are gone, and ends what still works in them.
 * Not in Linux: a helper of the course.
 */
export function sweep(parent: string, prefix: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const folder = join(parent, name);
    try {
      if (!isLeftOver(folder)) continue;
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // another command sweeps it at this moment, or it is another user's
    }
  }
}

function isLeftOver(folder: string): boolean {
  const owner = ownerOf(folder);
  if (owner === undefined) return statSync(folder).mtimeMs < Date.now() - UNKNOWN_OWNER_MS;
  if (isAlive(owner)) return false;
  const { child } = owner;
  if (child !== undefined && child.started !== "" && isAlive(child)) endGroup(child.pid, child.signal);
  return true;
}

function ownerOf(folder: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(join(folder, OWNER), "utf8")) as Owner;
    return Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Sends `signal` to a process group, also to one that is stopped. Not in Linux: a helper of the course. */
export function endGroup(pid: number, signal: NodeJS.Signals): void {
  for (const one of [signal, "SIGCONT"] as const) {
    try {
      process.kill(process.platform === "win32" ? pid : -pid, one);
    } catch {
      return; // already gone
    }
  }
}

const acts = new Set<() => void>();
let isCommand = false;

/**
 * From now on signals end this process in order. Not called in a notebook's kernel, where SIGINT means
 * something else. Not in Linux: a helper of the course.
 */
export function endInOrder(): void {
  isCommand = true;
}

/**
 * Calls `act` when this process ends, however it does. Returns what takes that back.
 * Not in Linux: a helper of the course.
 */
export function atEnd(act: () => void): () => void {
  if (acts.size === 0) listen();
  acts.add(act);
  return () => {
    if (acts.delete(act) && acts.size === 0) stopListening();
  };
}

function listen(): void {
  process.on("exit", runActs);
  // Only while there is something to do: without a listener a signal ends a process also in the middle of a
  // long calculation.
  if (isCommand) for (const signal of SIGNALS) process.on(signal, onSignal);
}

function stopListening(): void {
  process.removeListener("exit", runActs);
  for (const signal of SIGNALS) process.removeListener(signal, onSignal);
}

function runActs(): void {
  const all = [...acts];
  acts.clear();
  for (const act of all) {
    try {
      act();
    } catch {
      // the others have their turn
    }
  }
}

function onSignal(signal: NodeJS.Signals): void {
  runActs();
  stopListening();
  process.kill(process.pid, signal);
}
