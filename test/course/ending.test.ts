/** Commands that are stopped or killed in the middle of their work, and what they leave behind: nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findLab } from "../../lib/course/exercises/labs.js";
import { inRepository } from "../../lib/course/paths.js";
import { endGroup, sweep, TemporaryFolder } from "../../lib/course/temporary.js";

const folder = mkdtempSync(join(tmpdir(), "pagewalk-ending-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SECONDS = 1000;

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it did not happen within 30 s");
}

interface Owner {
  pid: number;
  child?: { pid: number };
}

/** The temporary folder of process `pid`, once a child works in it if `withChild`. */
function folderOf(parent: string, prefix: string, pid: number, withChild: boolean) {
  return until(() => {
    for (const name of readdirSync(parent).filter((one) => one.startsWith(prefix))) {
      try {
        const owner = JSON.parse(readFileSync(join(parent, name, ".owner"), "utf8")) as Owner;
        if (owner.pid === pid && (!withChild || owner.child))
          return { path: join(parent, name), child: owner.child?.pid ?? 0 };
      } catch {
        // just being made
      }
    }
    return undefined;
  });
}

/** The processes of a group that are not yet gone. */
function groupOf(pgid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [state, , group] = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ");
        return Number(group) === pgid && state !== "Z";
      } catch {
        return false;
      }
    })
    .map(Number);
}

const { lab } = findLab("01");
const loop = join(folder, "loop.ts");
writeFileSync(
  loop,
  readFileSync(lab.master, "utf8").replace(/(export function splitAddress[^{]*\{)/, "$1 for (;;);"),
);

function pagewalk(...args: string[]): ChildProcess {
  return spawn(process.execPath, [inRepository("lib/bin/pagewalk.mjs"), ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** Starts a grading of an endless loop; resolves when its workers run. */
async function grading(): Promise<{
  command: ChildProcess;
  ended: Promise<unknown[]>;
  path: string;
  child: number;
}> {
  const command = pagewalk("grade", "01.1", "--file", loop);
  const ended = once(command, "exit");
  const found = await folderOf(inRepository(".pagewalk"), "grade-", command.pid!, true);
  await until(() => groupOf(found.child).length >= 2);
  return { command, ended, ...found };
}

describe.skipIf(process.platform !== "linux")("a grading", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "that gets %s ends by it, and leaves no folder and no process",
    async (signal) => {
      const { command, ended, path, child } = await grading();
      command.kill(signal);
      expect(await ended).toEqual([null, signal]);
      expect(existsSync(path)).toBe(false);
      await until(() => groupOf(child).length === 0);
    },
    60 * SECONDS,
  );

  it(
    "that is killed: its child notices, and takes folder and workers with it",
    async () => {
      const { command, path, child } = await grading();
      command.kill("SIGKILL");
      await until(() => groupOf(child).length === 0 && !existsSync(path));
    },
    60 * SECONDS,
  );

  it(
    "whose child is stopped ends it on a signal",
    async () => {
      const { command, ended, path, child } = await grading();
      process.kill(-child, "SIGSTOP");
      command.kill("SIGINT");
      await ended;
      expect(existsSync(path)).toBe(false);
      await until(() => groupOf(child).length === 0);
    },
    60 * SECONDS,
  );

  it(
    "that is killed while its child is stopped is cleared away by the next one",
    async () => {
      const { command, ended, path, child } = await grading();
      process.kill(-child, "SIGSTOP");
      command.kill("SIGKILL");
      await ended;
      expect(groupOf(child).length).toBeGreaterThan(0);
      sweep(inRepository(".pagewalk"), "grade-");
      expect(existsSync(path)).toBe(false);
      await until(() => groupOf(child).length === 0);
    },
    60 * SECONDS,
  );

  it(
    "whose child is killed says so, without a folder left",
    async () => {
      const { command, ended, path, child } = await grading();
      let said = "";
      command.stderr!.on("data", (text: Buffer) => {
        said += text.toString();
      });
      endGroup(child, "SIGKILL");
      const [status] = await ended;
      expect(status).toBe(1);
      expect(said).not.toMatch(/^\s+at /m);
      expect(existsSync(path)).toBe(false);
    },
    60 * SECONDS,
  );
});

describe.skipIf(process.platform !== "linux")("a run of a notebook", () => {
  const notebook = join(folder, "loop.ipynb");
  const cell = {
    cell_type: "code",
    id: "a",
    metadata: {},
    source: "for (;;);",
    outputs: [],
    execution_count: null,
  };
  writeFileSync(notebook, JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }));

  it(
    "that gets SIGINT leaves no kernel and no folder",
    async () => {
      const command = pagewalk("notebooks", "run", notebook);
      const ended = once(command, "exit");
      const { path } = await folderOf(tmpdir(), "pagewalk-kernel-", command.pid!, false);
      const kernel = await until(() =>
        readFileSync(`/proc/${command.pid}/task/${command.pid}/children`, "utf8").trim(),
      );
      command.kill("SIGINT");
      expect(await ended).toEqual([null, "SIGINT"]);
      expect(existsSync(path)).toBe(false);
      await until(() =>
        kernel
          .split(" ")
          .every(
            (pid) =>
              !existsSync(`/proc/${pid}/exe`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
          ),
      );
    },
    60 * SECONDS,
  );
});

describe("a temporary folder", () => {
  it("of a process that lives is left alone; of one that is gone it is swept, whoever has its number now", () => {
    const mine = new TemporaryFolder(folder, "t-");
    const gone = mkdtempSync(join(folder, "t-"));
    writeFileSync(join(gone, ".owner"), JSON.stringify({ pid: 2 ** 30, started: "1" }));
    const reused = mkdtempSync(join(folder, "t-"));
    writeFileSync(join(reused, ".owner"), JSON.stringify({ pid: process.pid, started: "1" }));
    const unknown = mkdtempSync(join(folder, "t-"));
    sweep(folder, "t-");
    expect([mine.path, gone, reused, unknown].map((path) => existsSync(path))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    mine.remove();
    expect(existsSync(mine.path)).toBe(false);
  });
});
