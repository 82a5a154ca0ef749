/**
 * The shape that every lab has, checked: what is on file, what its markdown says, what its code may not do.
 *
 *     # 01 Paging                         one title, first of all
 *     ## What you will be able to do      goals, as a list
 *     ...experiments...                   with predictions: a question, and code that checks the answer
 *     ## The real thing                   the same facts on a real Linux
 *     ## Exercises                        01.1 to 01.5, the same as in exercises/01-paging.ts
 *     ## Recap
 *     ## Where to read on
 *
 * Terms are explained once, in `glossary.md`; a lab links to them there:
 * `[page frame](glossary.md#page-frame)`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type Use, usesOf } from "../code.js";
import { KERNELSPEC } from "../kernel/kernelspec.js";
import { githubAnchor, type Heading, jupyterAnchor, type MarkdownParts, readMarkdown } from "./markdown.js";
import { type Cell, type Notebook, notebookText, sourceOf, stripped } from "./nbformat.js";

/** One thing that is not as it should be; `cell` counts from 1. */
interface ShapeProblem {
  cell?: number;
  what: string;
}

/** A notebook to be checked, with what was read from it. */
interface Lab {
  path: string;
  text: string;
  notebook: Notebook;
  /** By cell; undefined for code. */
  markdown: (MarkdownParts | undefined)[];
  headings: Heading[];
}

type Check = (lab: Lab) => ShapeProblem[];

const NAME = /^(\d\d)-[a-z0-9-]+\.ipynb$/;
/** Longer code belongs into lib, longer text into two cells. */
const MAX_CODE_LINES = 14;
/** What a window of 1366 pixels shows of a line of code, in the classic Notebook; the rest is cut off. */
const MAX_CODE_WIDTH = 96;
const MAX_MARKDOWN_LINES = 60;

/** What each lab has, in this order, as headings of depth 2. */
const SECTIONS: { name: string; heading: RegExp }[] = [
  { name: "the goals (What you will be able to do)", heading: /be able to|goals/i },
  { name: "The real thing", heading: /real (thing|linux|kernel|machine)/i },
  { name: "Exercises", heading: /exercises/i },
  { name: "Recap", heading: /recap/i },
  { name: "Where to read on", heading: /read on|further reading/i },
];

/** What code in a lab may not do, and why. Strings and comments may say what they like. */
const FORBIDDEN_CODE: { test: (use: Use, all: readonly Use[]) => boolean; why: string }[] = [
  {
    test: ({ kind, name }) =>
      kind === "property" ? /\b(Date|performance)\.now\b/.test(name) : kind === "new" && name === "Date",
    why: "uses the host's clock",
  },
  {
    test: ({ kind, name }) => kind === "property" && /\bMath\.random\b/.test(name),
    why: "uses a random number without a seed",
  },
  {
    test: ({ kind, name }, all) =>
      name.startsWith("plotly") &&
      (kind === "import" ||
        (kind === "text" && all.some((use) => /^(require|dynamic import)$/.test(use.kind)))),
    why: "imports plotly, which floods tslab with its source",
  },
  {
    test: ({ kind, name }) => kind === "import" && /^\.{1,2}\//.test(name),
    why: "imports a file by its path; import from pagewalk",
  },
  {
    test: ({ kind, name }) => kind === "property" && /\bprocess\.(cwd|exit|chdir)\b/.test(name),
    why: "depends on the kernel's process",
  },
];

const CHECKS: Check[] = [
  checkFile,
  checkTitle,
  checkSections,
  checkPredictions,
  checkExercises,
  checkLinks,
  checkImages,
  checkTables,
  checkCode,
  checkSizes,
];

/** Everything that is wrong with the shape of a lab's notebook. */
export function checkNotebook(path: string, notebook: Notebook): ShapeProblem[] {
  const text = readFileSync(path, "utf8");
  const markdown = notebook.cells.map((cell) =>
    cell.cell_type === "markdown" ? readMarkdown(sourceOf(cell)) : undefined,
  );
  const headings = markdown.flatMap((parts) => parts?.headings ?? []);
  const lab: Lab = { path, text, notebook, markdown, headings };
  return CHECKS.flatMap((check) => check(lab));
}

function checkFile({ path, text, notebook }: Lab): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  if (!NAME.test(basename(path))) problems.push({ what: "the file is not called NN-topic.ipynb" });
  if (text !== notebookText(stripped(notebook))) {
    const name = (notebook.metadata.kernelspec as { name?: string } | undefined)?.name;
    const other = name === undefined ? "no kernel named" : `kernel "${name}"`;
    const reason = name === KERNELSPEC.name ? "outputs, counts or Jupyter's settings" : other;
    problems.push({ what: `not as it is kept in git (${reason}); run: npx pagewalk notebooks strip` });
  }
  const ids = notebook.cells.map((cell) => cell.id ?? "");
  if (new Set(ids).size !== ids.length || ids.includes("")) {
    problems.push({ what: "its cells do not all have an id of their own" });
  }
  return problems;
}

function checkTitle({ path, markdown, headings }: Lab): ShapeProblem[] {
  const titles = headings.filter((heading) => heading.depth === 1);
  if (titles.length !== 1) return [{ what: `has ${titles.length} titles ("# ..."); one is right` }];
  const [title] = titles;
  if (markdown[0]?.headings[0] !== title) return [{ cell: 1, what: "the title is not the first thing" }];
  const number = basename(path).slice(0, 2);
  if (title!.text.includes(number)) return [];
  return [{ cell: 1, what: `the title "${title!.text}" does not have the lab's number ${number}` }];
}

function checkSections({ headings, markdown }: Lab): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  let last = -1;
  for (const { name, heading } of SECTIONS) {
    const at = headings.findIndex(({ depth, text }) => depth === 2 && heading.test(text));
    if (at < 0) problems.push({ what: `has no section "## ..." for ${name}` });
    else if (at < last) problems.push({ what: `the section for ${name} comes too early` });
    last = Math.max(last, at);
  }
  const goals = markdown.find((parts) => parts?.headings.some(({ text }) => SECTIONS[0]!.heading.test(text)));
  if (goals !== undefined && goals.listItems.length < 2) {
    problems.push({ what: "the goals are not a list of at least two" });
  }
  return problems;
}

function checkPredictions({ notebook }: Lab): ShapeProblem[] {
  const asks = (cell: Cell): boolean => cell.cell_type === "code" && /\bpredict\w*\(/.test(sourceOf(cell));
  if (notebook.cells.some(asks)) return [];
  return [{ what: "has no prediction: no code cell calls predict(...)" }];
}

/** The exercises' numbers in a text, in order, each once. */
function exerciseNumbers(lab: string, texts: string[]): string[] {
  const found = texts.flatMap((text) => text.match(/\b\d\d\.\d+\b/g) ?? []);
  return [...new Set(found.filter((number) => number.startsWith(`${lab}.`)))].sort();
}

function checkExercises({ path, headings }: Lab): ShapeProblem[] {
  const lab = basename(path, ".ipynb");
  const number = lab.slice(0, 2);
  const file = resolve(dirname(path), "..", "exercises", `${lab}.ts`);
  if (!existsSync(file)) return [{ what: `its exercises/${lab}.ts is not there` }];
  const docs = readFileSync(file, "utf8").match(/^\s*(?:\/\*\*|\*) \d\d\.\d+ /gm) ?? [];
  const inFile = exerciseNumbers(number, docs);
  const inNotebook = exerciseNumbers(
    number,
    headings.map(({ text }) => text),
  );
  if (inFile.join() === inNotebook.join()) return [];
  const list = (numbers: string[]): string => numbers.join(", ") || "none";
  return [
    {
      what: `its headings name the exercises ${list(inNotebook)}, but exercises/${lab}.ts has ${list(inFile)}`,
    },
  ];
}

function checkLinks(lab: Lab): ShapeProblem[] {
  return lab.markdown.flatMap((parts, index) =>
    (parts?.links ?? []).flatMap((url) => {
      const what = linkProblem(lab, url);
      return what === undefined ? [] : [{ cell: index + 1, what }];
    }),
  );
}

function linkProblem({ path, headings }: Lab, url: string): string | undefined {
  if (/^https?:\/\//.test(url)) return URL.canParse(url) ? undefined : `the link ${url} is no address`;
  const [file, fragment] = url.split("#") as [string, string | undefined];
  if (/^[a-z]+:/.test(file)) return `the link ${url} is neither a file of the course nor a web page`;
  const target = file === "" ? path : join(dirname(path), decoded(file));
  if (!existsSync(target)) return `the link ${url} leads to no file`;
  if (fragment === undefined) return undefined;
  if (file === "") return hasAnchor(headings, fragment) ? undefined : `no heading here for the link ${url}`;
  if (!file.endsWith(".md") || !statSync(target).isFile()) return undefined;
  const there = readMarkdown(readFileSync(target, "utf8"));
  if (hasAnchor(there.headings, fragment)) return undefined;
  return basename(file) === "glossary.md"
    ? `the term of the link ${url} is not in the glossary`
    : `${file} has no heading for the link ${url}`;
}

/** `text` without %20 and the like; as it is where it is no such text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hasAnchor(headings: Heading[], fragment: string): boolean {
  const wanted = decoded(fragment);
  return headings.some(({ text }) => wanted === jupyterAnchor(text) || wanted === githubAnchor(text));
}

function checkImages({ path, markdown }: Lab): ShapeProblem[] {
  return markdown.flatMap((parts, index) =>
    (parts?.images ?? []).flatMap(({ url, alt }): ShapeProblem[] => {
      const cell = index + 1;
      const missing = !/^(https?|data):/.test(url) && !existsSync(join(dirname(path), decoded(url)));
      return [
        ...(missing ? [{ cell, what: `the image ${url} is not there` }] : []),
        ...(alt.trim().length < 3 ? [{ cell, what: `the image ${url} has no alt text` }] : []),
      ];
    }),
  );
}

/** A screen reader says the heading of a column with each of its cells. */
function checkTables({ notebook }: Lab): ShapeProblem[] {
  return notebook.cells.flatMap((cell, index) => {
    if (cell.cell_type !== "markdown") return [];
    const lines = sourceOf(cell).split("\n");
    const nameless = lines.some(
      (line, at) => /^\|(\s*:?-{3,}:?\s*\|)+\s*$/.test(line) && /\|\s*\|/.test(lines[at - 1] ?? ""),
    );
    return nameless ? [{ cell: index + 1, what: "a column of its table has no heading" }] : [];
  });
}

function checkCode({ notebook }: Lab): ShapeProblem[] {
  return notebook.cells.flatMap((cell, index) => {
    if (cell.cell_type !== "code") return [];
    const source = sourceOf(cell);
    const uses = usesOf(source);
    const problems = FORBIDDEN_CODE.filter(({ test }) => uses.some((use) => test(use, uses))).map(
      ({ why }) => why,
    );
    problems.push(...wideLines(source));
    if (source.trim() === "") problems.push("is empty");
    return problems.map((what) => ({ cell: index + 1, what }));
  });
}

function wideLines(source: string): string[] {
  return source.split("\n").flatMap((line, index) => {
    const width = [...line].length;
    if (width <= MAX_CODE_WIDTH) return [];
    return [`line ${index + 1} has ${width} characters; a cell shows ${MAX_CODE_WIDTH}`];
  });
}

function checkSizes({ notebook }: Lab): ShapeProblem[] {
  return notebook.cells.flatMap((cell, index) => {
    const lines = sourceOf(cell).split("\n").length;
    const limit = cell.cell_type === "code" ? MAX_CODE_LINES : MAX_MARKDOWN_LINES;
    return lines <= limit ? [] : [{ cell: index + 1, what: `has ${lines} lines; ${limit} is the most` }];
  });
}
