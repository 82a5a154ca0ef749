/**
 * The recorded runs that the course brings along: `test/linux/`.
 *
 *   scenarios/NAME.vms     the script
 *   native/NAME.json       what Linux 6.18.44 did, five runs combined
 *   guest/NAME.vms, .json  scripts that need a machine of their own (swap, pressure, settings), and what Linux
 *                          6.18.15 did in a virtual one, two or three runs combined
 *   not-applicable.json    leaves that cannot be equal, each with its reason
 *
 * The family of a scenario is the beginning of its name: a letter, and for the random ones the kind (z-anon,
 * z-mixed, z-thp).
 *
 * Read first: record.ts, compare_records.ts.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { valueText } from "../hw/options.js";
import { type Comparison, compareRecordings, type NotApplicable } from "./compare_records.js";
import { runScenario } from "./executor.js";
import type { Host } from "./host.js";
import { hostFor } from "./kernel_host.js";
import { inFormOf, readOomForm } from "./oom_form.js";
import { parseScenario } from "./parse.js";
import { parseRecording, type Recording } from "./record.js";
import { projectRoot } from "./root.js";
import type { Scenario } from "./scenario.js";

/** A scenario with its recording. Not in Linux. */
interface RecordedScenario {
  name: string;
  scenario: Scenario;
  recording: Recording;
}

function folder(...parts: string[]): string {
  return join(projectRoot(), "test", "linux", ...parts);
}

function namesIn(dir: string): string[] {
  return readdirSync(folder(dir))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .sort();
}

/** Names of all scenarios recorded on a machine of its own, sorted. Not in Linux. */
export function recordedNames(): string[] {
  return namesIn("native");
}

/** Names of all scenarios recorded in a virtual machine, sorted. Not in Linux. */
export function guestNames(): string[] {
  return namesIn("guest");
}

/** Family of a scenario: "c", "z-anon". Not in Linux. */
export function familyOf(name: string): string {
  const random = /^z\d+-random-(\w+)/.exec(name);
  return random === null ? (/^[a-z]+/.exec(name)?.[0] ?? name) : `z-${random[1]}`;
}

/**
 * The full name for its beginning, such as "c01". Throws RangeError when none or several fit. Not in Linux.
 */
export function findRecorded(start: string): string {
  const names = [...recordedNames(), ...guestNames()];
  const found = names.includes(start) ? [start] : names.filter((name) => name.startsWith(start));
  if (found.length === 1) return found[0]!;
  throw new RangeError(
    found.length === 0
      ? `there is no recorded scenario ${valueText(start)}; there are ${names[0]} to ${names[names.length - 1]}`
      : `${valueText(start)} may mean ${found.slice(0, 12).join(", ")}${found.length > 12 ? ", ..." : ""}`,
  );
}

/** Reads a scenario and its recording. Not in Linux. */
export function loadRecorded(name: string): RecordedScenario {
  const native = folder("scenarios", `${name}.vms`);
  const text = readFileSync(existsSync(native) ? native : folder("guest", `${name}.vms`), "utf8");
  return { name, scenario: parseScenario(text, name), recording: loadRecording(name)! };
}

/** The recording called `name`, if there is one. Not in Linux. */
export function loadRecording(name: string): Recording | undefined {
  // A script may call itself anything, "../x" too.
  if (!/^[\w-]+$/.test(name)) return undefined;
  const path = ["native", "guest"].map((dir) => folder(dir, `${name}.json`)).find((one) => existsSync(one));
  return path === undefined ? undefined : readOomForm(parseRecording(readFileSync(path, "utf8")));
}

/** The reviewed list of leaves that cannot be equal. Not in Linux. */
export function loadNotApplicable(): NotApplicable[] {
  return JSON.parse(readFileSync(folder("not-applicable.json"), "utf8")) as NotApplicable[];
}

/**
 * Runs a recorded scenario, on a machine like the recorded one unless a host is given, and compares.
 * Not in Linux.
 */
export function replayRecorded(
  name: string,
  given: Host | undefined,
  excuses: readonly NotApplicable[] = loadNotApplicable(),
): { scenario: Scenario; ours: Recording; recorded: Recording; comparison: Comparison } {
  const { scenario, recording } = loadRecorded(name);
  const ours = inFormOf(recording, runScenario(scenario, given ?? hostFor(recording)));
  return { scenario, ours, recorded: recording, comparison: compareRecordings(recording, ours, excuses) };
}
