/**
 * What is looked at in a learner's file before it runs: which modules it imports.
 *
 * An exercise needs the library and nothing else. A submission that imports the test framework could change how it is graded, and one
 * that imports Node's modules could read files or end the process; both are refused, with the line.
 * This keeps honest work honest; it is no sandbox. Code of people you do not trust belongs in a container.
 */

/** A line that is refused, and what stands there. */
export interface Refusal {
  line: number;
  what: string;
}

const FORBIDDEN: [RegExp, (match: RegExpExecArray) => string | undefined][] = [
  [
    /\b(?:from|import)\s*["'`]([^"'`\n]*)["'`]/g,
    ([, name]) => (name === "pagewalk" ? undefined : `import of "${name}"`),
  ],
  [/\bimport\s*\(/g, () => "import(...)"],
  [/\bimport\s*\.\s*meta\b/g, () => "import.meta"],
  [/\brequire\s*\(/g, () => "require(...)"],
  [/\bgetBuiltinModule\b/g, () => "process.getBuiltinModule"],
  [/\bprocess\s*\.\s*(binding|dlopen|_linkedBinding)\b/g, ([, name]) => `process.${name}`],
];

/** The first thing in `text` that a submission may not use, or undefined. Not in Linux: a helper of the course. */
export function findForbidden(text: string): Refusal | undefined {
  const code = withoutComments(text);
  const found: (Refusal & { at: number })[] = [];
  for (const [pattern, describe] of FORBIDDEN) {
    for (const match of code.matchAll(pattern)) {
      const what = describe(match as RegExpExecArray);
      if (what) found.push({ what, at: match.index, line: code.slice(0, match.index).split("\n").length });
    }
  }
  const first = found.sort((a, b) => a.at - b.at)[0];
  return first && { line: first.line, what: first.what };
}

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;

/** `text` with its comments blanked out, line for line. */
function withoutComments(text: string): string {
  return text.replace(COMMENT_OR_STRING, (found) =>
    found.startsWith("/") ? found.replace(/[^\n]/g, " ") : found,
  );
}
