/**
 * Comparing random scenarios with a real Linux 6.18, where one is at hand.
 *
 *   generateScenario(seed) --+--> RUNNER script.vms, several times --> what is the same in all runs --+--> differences
 *                            +--> the emulated machine -----------------------------------------------+
 *
 * RUNNER is a program that runs a scenario on the kernel it stands on and prints records in the form of
 * replay/record.ts. It makes plain memory operations only, needs root (pagemap hides frames from others), and
 * is given the path of the script.
 *
 * Read first: replay/generate.ts, replay/compare_records.ts.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Comparison, compareRecordings } from "../../replay/compare_records.js";
import { runScenario } from "../../replay/executor.js";
import { generateScenario } from "../../replay/generate.js";
import type { Host } from "../../replay/host.js";
import { parseScenario } from "../../replay/parse.js";
import { type Json, parseRecording, type Recording, type StepRecord, VARIES } from "../../replay/record.js";
import { atEnd, TemporaryFolder } from "../temporary.js";
import { CommandFailure, isSystemError, systemReason } from "./errors.js";

/** Lists that either agree as a whole or vary as a whole. */
const WHOLE = new Set(["trace", "pages", "frames", "kept", "resident", "bytes"]);

/** Several runs as one: leaves that were not the same in all become "~varies". Not in Linux. */
export function combineRuns(runs: readonly Recording[]): Recording {
  const first = runs[0]!;
  const steps = first.steps.map(
    (_, i) => combine(runs.map((run) => run.steps[i] as Json)) as StepRecord & Json,
  );
  return { ...first, runs: runs.length, steps };
}

function combine(values: readonly (Json | undefined)[], key = ""): Json {
  const first = values[0];
  const text = JSON.stringify(first);
  if (values.every((value) => JSON.stringify(value) === text)) return first as Json;
  const objects = values.every(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  );
  if (objects) {
    const all = values as { [key: string]: Json }[];
    const keys = new Set(all.flatMap((value) => Object.keys(value)));
    return Object.fromEntries(
      [...keys].map((name) => [
        name,
        combine(
          all.map((value) => value[name]),
          name,
        ),
      ]),
    );
  }
  const lists = values as Json[][];
  if (lists.every((value) => Array.isArray(value) && value.length === lists[0]!.length) && !WHOLE.has(key))
    return lists[0]!.map((_, i) => combine(lists.map((value) => value[i])));
  return VARIES;
}

/** What the runner measured of itself is no part of a record. */
function withoutRunner(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutRunner);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== "runner_own");
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutRunner(inner)]));
}

/**
 * Runs `text` `times` times with `runner` on the kernel of this computer. Throws Error with what the runner
 * said. Not in Linux.
 */
async function recordNatively(runner: string, text: string, name: string, times = 3): Promise<Recording> {
  const folder = new TemporaryFolder(tmpdir(), "pagewalk-native-");
  try {
    const script = join(folder.path, `${name}.vms`);
    writeFileSync(script, text);
    const runs: Recording[] = [];
    for (let i = 0; i < times; i++) {
      const printed = await run(runner, script, process.env.VMRUN_DIR ?? folder.path);
      runs.push(parseRecording(JSON.stringify(withoutRunner(recordsOf(runner, printed)))));
    }
    return combineRuns(runs);
  } finally {
    folder.remove();
  }
}

function recordsOf(runner: string, printed: string): Json {
  try {
    return JSON.parse(printed) as Json;
  } catch (error) {
    throw new Error(`${runner} does not print records (${(error as Error).message})`, { cause: error });
  }
}

/** What the runner prints. It is waited for without blocking, so that a signal to this process is heard. */
function run(runner: string, script: string, dir: string): Promise<string> {
  const env = { VMRUN_CPU: "1", ...process.env, VMRUN_DIR: dir };
  return new Promise((resolve, reject) => {
    const child = execFile(
      runner,
      [script],
      { encoding: "utf8", maxBuffer: 2 ** 28, env },
      (error, stdout, stderr) => {
        forget();
        if (error === null) resolve(stdout);
        else if (isSystemError(error))
          reject(new CommandFailure(`${runner} cannot be run: ${systemReason(error)}`));
        else
          reject(
            new Error(
              `${runner} ${script} failed: ${stderr.trim() || `status ${error.code ?? error.signal}`}`,
            ),
          );
      },
    );
    const forget = atEnd(() => child.kill("SIGKILL"));
  });
}

/** Compares one random scenario on this computer's kernel and on `host`. Not in Linux. */
export async function compareWithLinux(
  runner: string,
  options: { seed: number; steps?: number; files?: boolean; thp?: boolean },
  host: Host,
): Promise<{ text: string; comparison: Comparison }> {
  const name = `random-${options.seed}`;
  const text = generateScenario(options);
  const recorded = await recordNatively(runner, text, name);
  const ours = runScenario(parseScenario(text, name), host);
  return { text, comparison: compareRecordings(recorded, ours) };
}
