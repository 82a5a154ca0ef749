/**
 * `load("01")`: the learner's exercises as they are on disk now, ready to be called from a notebook.
 *
 * A notebook's `import` keeps the first version of a file for the life of the kernel. `load` reads,
 * transpiles and runs the file anew at each call, so that an edit counts at once. Errors name the line of the
 * .ts file.
 */

import { readFileSync } from "node:fs";
import Module from "node:module";
import { dirname } from "node:path";
import { wrongDoor } from "./doors.js";
import { findLab } from "./labs.js";
import { transpile } from "./transpile.js";

/** What a lab's file exports, by name. */
// biome-ignore lint/suspicious/noExplicitAny: called by name from a notebook; TypeScript cannot know a file that is read at run time
export type LoadedExercises = Record<string, any>;

interface CompilableModule extends Module {
  paths: string[];
  _compile(code: string, filename: string): void;
}

const { _nodeModulePaths } = Module as unknown as { _nodeModulePaths(folder: string): string[] };

/**
 * The exports of `exercises/NN-topic.ts`, fresh at each call. `wanted` is "01" or "paging". Throws a
 * `SyntaxError` with file, line and caret. Not in Linux: a helper of the course.
 */
export function load(wanted: string, root?: string): LoadedExercises {
  const { lab } = findLab(wanted, root);
  return loadFile(lab.exercises, `exercises/${lab.name}.ts`);
}

/**
 * The exports of the TypeScript file at `path`; `shortName` is its name in messages.
 * Not in Linux: a helper of the course.
 */
export function loadFile(path: string, shortName = path): LoadedExercises {
  const text = readFileSync(path, "utf8");
  const { code, errors } = transpile(text, path, shortName);
  const wrong = wrongDoor(text);
  if (errors.length === 0 && wrong !== undefined)
    errors.push(`${shortName}:${wrong.line}: ${wrong.name} ${wrong.advice}`);
  if (errors.length > 0) throw new SyntaxError(`your file has a mistake\n${errors.join("\n\n")}`);
  process.setSourceMapsEnabled(true);
  const module = new Module(path) as CompilableModule;
  module.filename = path;
  module.paths = _nodeModulePaths(dirname(path));
  module._compile(code, path);
  return module.exports as LoadedExercises;
}
