/**
 * Hints, one step at each call: the first call shows the first hint, the next one the first two, and so on.
 * How far a learner is stays in a small file, so that notebook and command line go on from each other.
 */

import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { valueText } from "../../hw/options.js";
import { writeWhole } from "../files.js";
import { findLab } from "./labs.js";
import { Note } from "./note.js";

/**
 * The hints for exercise `wanted` ("01.3"), one more at each call; `upTo` asks for the first so many instead.
 * Not in Linux: a helper of the course.
 */
export function hint(wanted: string, upTo?: number, root?: string): Note {
  const { lab, task } = findLab(wanted, root);
  if (!task)
    throw new RangeError(`A hint is for one exercise, such as "${lab.number}.1"; got ${valueText(wanted)}`);
  const total = task.hints.length;
  if (upTo !== undefined && !(Number.isInteger(upTo) && upTo >= 1 && upTo <= total))
    throw new RangeError(`Exercise ${task.id} has hints 1 to ${total}; got ${valueText(upTo)}`);
  if (total === 0) return new Note(`There is no hint for ${task.id} ${task.title}.`);
  const seen = readSeen(lab.root);
  const had = seen[task.id] ?? 0;
  const count = upTo ?? Math.min(had + 1, total);
  if (!upTo) writeSeen(lab.root, { ...seen, [task.id]: had + 1 });
  const lines = task.hints.slice(0, count).map((text, at) => `  ${at + 1}. ${text}`);
  return new Note(
    [
      `${task.id} ${task.title}, hint ${count} of ${total}`,
      ...lines,
      ...after(had, count, total, lab.name),
    ].join("\n"),
  );
}

function after(had: number, count: number, total: number, name: string): string[] {
  if (count < total) return [];
  return [
    had < total
      ? "That was the last hint."
      : `There are no more hints. One way to do it is in \`solutions/${name}.ts\`.`,
  ];
}

/** Starts the hints of exercise `id` over. Not in Linux: a helper of the course. */
export function forgetHints(root: string, id: string): void {
  const seen = readSeen(root);
  if (!(id in seen)) return;
  delete seen[id];
  writeSeen(root, seen);
}

type Seen = Record<string, number>;

/** By root; used where the file cannot be written. */
const memory = new Map<string, Seen>();

function seenFile(root: string): string {
  return join(root, ".pagewalk", "hints.json");
}

function readSeen(root: string): Seen {
  try {
    return asSeen(JSON.parse(readFileSync(seenFile(root), "utf8")));
  } catch {
    return { ...memory.get(root) };
  }
}

/** What of `value` can be true; the file is one that people can edit. */
function asSeen(value: unknown): Seen {
  const counts = Object.entries(value ?? {}).filter(([, count]) => Number.isInteger(count) && count >= 0);
  return Object.fromEntries(counts) as Seen;
}

function writeSeen(root: string, seen: Seen): void {
  try {
    mkdirSync(dirname(seenFile(root)), { recursive: true });
    writeWhole(seenFile(root), `${JSON.stringify(seen)}\n`);
  } catch {
    memory.set(root, seen); // a folder that cannot be written: remembered until the process ends
  }
}
