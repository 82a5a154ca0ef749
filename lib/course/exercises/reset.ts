/**
 * Reset: puts one exercise back to how it was handed out, and leaves everything else in the learner's file
 * alone.
 *
 *     exercises/01-paging.ts   ...01.2 (solved)... 01.3 (a mess) ...a helper of the learner's...
 *                                  stays           from the cut        stays
 *     exercises/saved/01-paging.1.ts.txt           the whole file as it was; never overwritten
 *
 * The learner's file may be broken in any way, so it is not parsed: a function starts at the line that
 * declares it (with the comment above) and ends at the first closing bracket in column 0, or before the next
 * export.
 */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeNew, writeWhole } from "../files.js";
import { cutOf } from "./cut.js";
import { forgetHints } from "./hint.js";
import { findLab, type Lab } from "./labs.js";
import { declarationAt, partsOf, type TaskPart, withNotWrittenYet } from "./master.js";
import { Note } from "./note.js";

/**
 * Restores exercise `wanted` ("01.3"), or a whole lab ("01"), and keeps a copy of the file.
 * Not in Linux: a helper of the course.
 */
export function reset(wanted: string, root?: string): Note {
  const { lab, task } = findLab(wanted, root);
  const name = task ? `${task.id} ${task.title}` : `Lab ${lab.number}`;
  const cut = cutOf(lab);
  const before = existsSync(lab.exercises) ? readFileSync(lab.exercises, "utf8") : undefined;
  const after = task && before !== undefined ? resetTask(before, cut, task.id) : cut;
  if (after === before) return new Note(`${name} is as it was handed out; nothing to do.`);
  const saved = before === undefined ? undefined : save(lab);
  mkdirSync(dirname(lab.exercises), { recursive: true });
  writeWhole(lab.exercises, after);
  if (task) forgetHints(lab.root, task.id);
  const kept = saved ? ` What you had is in \`exercises/saved/${saved}\`.` : "";
  return new Note(`${name} is as it was handed out.${kept}`);
}

/** `current` with the declarations of `task` as they are in `cut`. Not in Linux: a helper of the course. */
function resetTask(current: string, cut: string, task: string): string {
  const cutLines = cut.split("\n");
  const parts = partsOf(cut);
  let lines = current.split("\n");
  for (const part of parts) {
    if (part.task !== task) continue;
    const fresh = cutLines.slice(part.start, part.end);
    const place = placeOf(lines, part.declares);
    if (place) lines = [...lines.slice(0, place.start), ...fresh, ...lines.slice(place.end)];
    else lines = insertBefore(lines, parts.slice(parts.indexOf(part) + 1), fresh);
  }
  return withNotWrittenYet(lines.join("\n"));
}

/** Where the declaration of `name` and the comment above it lie in `lines`. */
function placeOf(lines: string[], name: string): { start: number; end: number } | undefined {
  for (let at = 0; at < lines.length; at++) {
    const declaration = declarationAt(lines, at);
    if (declaration?.name !== name) continue;
    let start = at;
    if (lines[at - 1]?.trimEnd().endsWith("*/")) {
      start--;
      while (start > 0 && !lines[start]!.startsWith("/**")) start--;
    }
    return { start, end: declaration.end };
  }
  return undefined;
}

/** The learner deleted the function: it goes before the next exercise that is still there, or to the end. */
function insertBefore(lines: string[], followers: TaskPart[], fresh: string[]): string[] {
  for (const { declares } of followers) {
    const place = placeOf(lines, declares);
    if (place) return [...lines.slice(0, place.start), ...fresh, "", ...lines.slice(place.start)];
  }
  const end = lines.join("\n").trimEnd().split("\n");
  return [...end, "", ...fresh, ""];
}

/** Copies the file, byte for byte, to the first free `saved/01-paging.N.ts.txt`; returns that file's name. */
function save(lab: Lab): string {
  const content = readFileSync(lab.exercises);
  const folder = join(dirname(lab.exercises), "saved");
  mkdirSync(folder, { recursive: true });
  for (let nr = 1; ; nr++) {
    const file = join(folder, `${lab.name}.${nr}.ts.txt`);
    // Another reset may save at this very moment: whoever takes the name first has it.
    if (writeNew(file, content)) return basename(file);
  }
}
