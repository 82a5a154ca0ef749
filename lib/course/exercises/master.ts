/**
 * A lab's master file, `solutions/NN-topic.ts`: its tasks, its hints, and the exercises cut from it.
 *
 *     // HINT 01.1: The lowest 12 bits are the offset.        a step of help, one line each
 *     //   A line indented like this continues the hint.
 *     /** 01.1 Split an address. Returns ...                  number, title up to the first full stop
 *      *\/
 *     export function split(va: number): Parts {              one declaration below each such comment
 *       const checked = mustBeCanonical(va);                  what stays is given to the learner
 *       // SOLUTION BEGIN
 *       return ...                                            becomes: throw new NotWrittenYet("01.1");
 *       // SOLUTION END
 *     }                                                       ends at the first closing bracket in column 0
 *
 * A SOLUTION region in column 0 (a helper that only the answer needs) disappears from the exercises. A task
 * of several functions repeats its number: each has its own comment `/** 01.4 ...`. The import of
 * NotWrittenYet is added by the cut, so that the master does not import what it never uses. The cut is
 * formatted as Biome would, so that it passes the same checks as every other file.
 *
 * The same reading of a file serves three: `cut` (instructors), `hint`, and `reset`, which finds a
 * task's place in a file that a learner has changed.
 */

/** One commented declaration of a task: lines `[start, end)` of the file, comment included. */
export interface TaskPart {
  task: string;
  title: string;
  /** The declared name: `split`. */
  declares: string;
  start: number;
  end: number;
}

/** One task of a lab: "01.3", its title, its hints in order, and the declarations that make it up. */
export interface Task {
  id: string;
  title: string;
  hints: string[];
  parts: TaskPart[];
}

const TITLE = /^(?:\/\*\*|\s*\*)\s+(\d\d\.\d+)\s+([^.]*?)\s*(?:\.|\*\/|$)/;
const DECLARES =
  /^(?:export )?(?:default )?(?:async )?(?:abstract )?(?:function\*?|class|const|let|var|interface|type|enum) ?\*?\s*([\w$]+)/;
const HINT = /^\s*\/\/ HINT (\d\d\.\d+): (.*)$/;
const HINT_CONTINUED = /^\s*\/\/ {3,}(.*)$/;
const BEGIN = /^(\s*)\/\/ SOLUTION BEGIN\s*$/;
const END = /^\s*\/\/ SOLUTION END\s*$/;

/** The tasks of a lab file, in order of appearance. Not in Linux: a helper of the course. */
export function tasksOf(text: string): Task[] {
  const tasks = new Map<string, Task>();
  for (const part of partsOf(text)) {
    const task = tasks.get(part.task) ?? { id: part.task, title: part.title, hints: [], parts: [] };
    task.parts.push(part);
    tasks.set(task.id, task);
  }
  for (const [id, hints] of hintsOf(text)) tasks.get(id)?.hints.push(...hints);
  return [...tasks.values()];
}

/** Every commented declaration that carries a task number. Not in Linux: a helper of the course. */
export function partsOf(text: string): TaskPart[] {
  const lines = text.split("\n");
  const parts: TaskPart[] = [];
  for (let start = 0; start < lines.length; start++) {
    if (!lines[start]!.startsWith("/**")) continue;
    const title =
      TITLE.exec(lines[start]!) ??
      (lines[start]!.trim() === "/**" ? TITLE.exec(lines[start + 1] ?? "") : null);
    if (!title) continue;
    let at = start;
    while (at < lines.length && !lines[at]!.includes("*/")) at++;
    const declaration = declarationAt(lines, at + 1);
    if (!declaration) continue;
    parts.push({
      task: title[1]!,
      title: title[2]!,
      declares: declaration.name,
      start,
      end: declaration.end,
    });
    start = declaration.end - 1;
  }
  return parts;
}

/**
 * The declaration that starts on line `at`: its name and the line after its end, or undefined.
 * Not in Linux: a helper of the course.
 */
export function declarationAt(lines: string[], at: number): { name: string; end: number } | undefined {
  const name = DECLARES.exec(lines[at] ?? "")?.[1];
  if (!name) return undefined;
  const oneLine = /[;}]\s*$/.test(lines[at]!) && !/[{(,]\s*$/.test(lines[at]!);
  if (oneLine) return { name, end: at + 1 };
  let end = at + 1;
  while (end < lines.length && !/^[}\])]+[;,]*\s*$/.test(lines[end]!)) {
    if (/^(export |\/\*\*)/.test(lines[end]!)) return { name, end: withoutBlanks(lines, end) };
    end++;
  }
  return { name, end: Math.min(end + 1, lines.length) };
}

/**
 * A bracket is missing: the declaration ends before its neighbour at `end`, and before the blank lines
 * between them.
 */
function withoutBlanks(lines: string[], end: number): number {
  while (lines[end - 1]!.trim() === "") end--;
  return end;
}

function hintsOf(text: string): Map<string, string[]> {
  const hints = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of text.split("\n")) {
    const hint = HINT.exec(line);
    const more = HINT_CONTINUED.exec(line);
    if (hint) {
      current = hints.get(hint[1]!) ?? [];
      hints.set(hint[1]!, current);
      current.push(hint[2]!);
    } else if (more && current) current[current.length - 1] += ` ${more[1]}`;
    else current = undefined;
  }
  return hints;
}

/**
 * The exercise file that learners get, from the master's text. `file` names the master in errors.
 * Throws an `Error` with file and line where the marks do not match. Not in Linux: a helper of the course.
 */
export function cutExercises(master: string, file = "the master"): string {
  const lines = master.split("\n");
  const parts = partsOf(master);
  const out: string[] = [];
  let begun: number | undefined;
  let inHint = false;
  lines.forEach((line, at) => {
    const begin = BEGIN.exec(line);
    if (begin) {
      if (begun !== undefined)
        throw new Error(`${file}:${at + 1}: SOLUTION BEGIN inside the region begun on line ${begun + 1}`);
      begun = at;
      if (begin[1]) out.push(`${begin[1]}throw new NotWrittenYet("${taskAround(parts, at, file)}");`);
    } else if (END.test(line)) {
      if (begun === undefined) throw new Error(`${file}:${at + 1}: SOLUTION END without SOLUTION BEGIN`);
      begun = undefined;
    } else if (begun === undefined) {
      inHint = HINT.test(line) || (inHint && HINT_CONTINUED.test(line));
      if (!inHint) out.push(line);
    }
  });
  if (begun !== undefined) throw new Error(`${file}:${begun + 1}: SOLUTION BEGIN without SOLUTION END`);
  return withNotWrittenYet(
    out
      .join("\n")
      .replace(/\n{3,}/g, "\n\n")
      .replace(/\n+$/, "\n"),
  );
}

function taskAround(parts: TaskPart[], at: number, file: string): string {
  const part = parts.find(({ start, end }) => start <= at && at < end);
  if (part) return part.task;
  throw new Error(`${file}:${at + 1}: SOLUTION BEGIN outside a declaration with a comment "/** NN.N Title."`);
}

const PAGEWALK_IMPORT = /^import \{([^}]*)\} from "pagewalk";$/m;
const LINE_WIDTH = 110;

/**
 * `text` with NotWrittenYet among the names imported from "pagewalk", sorted and wrapped as Biome does.
 * Not in Linux: a helper of the course.
 */
export function withNotWrittenYet(text: string): string {
  const found = PAGEWALK_IMPORT.exec(text);
  if (!found) return addImportLine(text);
  const names = found[1]!
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  if (names.includes("NotWrittenYet")) return text;
  names.push("NotWrittenYet");
  names.sort((a, b) => compareNames(a.replace(/^type /, ""), b.replace(/^type /, "")));
  const flat = `import { ${names.join(", ")} } from "pagewalk";`;
  const wrapped = `import {\n${names.map((name) => `  ${name},\n`).join("")}} from "pagewalk";`;
  return text.replace(PAGEWALK_IMPORT, () => (flat.length <= LINE_WIDTH ? flat : wrapped));
}

function addImportLine(text: string): string {
  const line = 'import { NotWrittenYet } from "pagewalk";\n';
  const header = /^(?:\/\*\*[\s\S]*?\*\/\n\n)?/.exec(text)![0];
  const rest = text.slice(header.length);
  return `${header}${line}${rest.startsWith("import ") || rest.startsWith("\n") ? "" : "\n"}${rest}`;
}

/** Biome's order of imported names: letter by letter, A before a before B. */
function compareNames(a: string, b: string): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [x, y] = [a[at]!, b[at]!];
    if (x === y) continue;
    const [lowerX, lowerY] = [x.toLowerCase(), y.toLowerCase()];
    if (lowerX !== lowerY) return lowerX < lowerY ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}
