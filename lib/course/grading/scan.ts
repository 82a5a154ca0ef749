/**
 * What is looked at in a learner's file before it runs: which modules it imports.
 *
 * An exercise needs the library and nothing else. A submission that imports the test framework could change
 * how it is graded, and one that imports Node's modules could read files or end the process; both are
 * refused, with the line. Code is read with TypeScript's own parser, so that an `import "x"` in a string or
 * comment is what it is: text. Only where a file also makes code of texts (eval, Function) its texts are
 * searched too.
 *
 * This keeps honest work honest; it is no sandbox. Code of people you do not trust belongs in a container.
 */

import { type Use, usesOf } from "../code.js";
import { wrongDoor } from "../exercises/doors.js";
import { ENTRIES } from "../paths.js";

/** A line that is refused, and what stands there. */
interface Refusal {
  line: number;
  what: string;
  /** What is wrong with it; unless given, exercises may not use it. */
  advice?: string;
}

/** Ways from `process` to Node's own modules. */
const PROCESS = /(?:^|\.)process\.(binding|dlopen|_linkedBinding)(?:\.|$)/;
const BUILTIN = /\bgetBuiltinModule\b/;
/** In a text that may become code. */
const CODE_IN_TEXT =
  /\b(?:from|import)\s*["'`(]|\bimport\s*\.\s*meta\b|\brequire\s*\(|\bprocess\s*\.\s*(?:binding|dlopen|_linkedBinding)\b/;

/**
 * The first thing in `text` that a submission may not use, or undefined.
 * Not in Linux: a helper of the course.
 */
export function findForbidden(text: string): Refusal | undefined {
  if (!mayImport(text)) return misplaced(text);
  let uses: Use[];
  try {
    uses = usesOf(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { line: 1, what: "code that is nested deeper than it can be read" };
  }
  const makesCode = uses.some(({ kind }) => kind === "eval");
  for (const use of uses) {
    const what = refused(use, makesCode);
    if (what !== undefined) return { line: use.line, what };
  }
  return misplaced(text);
}

/** A name imported from where it is not. */
function misplaced(text: string): Refusal | undefined {
  const wrong = wrongDoor(text);
  return wrong && { line: wrong.line, what: wrong.name, advice: wrong.advice };
}

const OWN_IMPORT = /^import (?:type )?\{[\w$\s,]*\} from "pagewalk(?:\/kernel)?";$/gm;
const ANY_WORD = /\b(?:from|import|require|getBuiltinModule|binding|dlopen|_linkedBinding)\b|\\u/;

/**
 * Whether a parser has to look: most files say "import" once, at the top, and the parser takes 200 ms to
 * load.
 */
function mayImport(text: string): boolean {
  return ANY_WORD.test(text.replace(OWN_IMPORT, ""));
}

function refused({ kind, name }: Use, makesCode: boolean): string | undefined {
  switch (kind) {
    case "import":
      return ENTRIES.has(name) ? undefined : `import of "${name}"`;
    case "dynamic import":
      return "import(...)";
    case "import.meta":
      return "import.meta";
    case "require":
      return "require(...)";
    case "property":
      return refusedProperty(name);
    case "text":
      if (BUILTIN.test(name)) return "process.getBuiltinModule";
      return makesCode && CODE_IN_TEXT.test(name)
        ? "import or require in a text that becomes code"
        : undefined;
    default:
      return undefined;
  }
}

function refusedProperty(name: string): string | undefined {
  if (BUILTIN.test(name)) return "process.getBuiltinModule";
  if (/\.require$|^require$/.test(name)) return "require(...)";
  const found = PROCESS.exec(name)?.[1];
  return found === undefined ? undefined : `process.${found}`;
}
