/**
 * The two doors of the library: which of them a name that an exercise imports is behind.
 *
 *   import { boot, vmNormalPage } from "pagewalk";
 *                  ^ behind the other door: said with its line, instead of "... is not a function" when it is called
 *
 * The names are read from the sources of the doors, so types count too, which are gone when code runs.
 *
 * Not in Linux: part of the course. Read next: load.ts, course/grading/scan.ts.
 */
import { readFileSync } from "node:fs";
import { ENTRIES, inRepository } from "../paths.js";

/** An imported name that is not where it is looked for. */
interface WrongDoor {
  /** From 1. */
  readonly line: number;
  readonly name: string;
  /** What to do about it. */
  readonly advice: string;
}

const EXPORTS = /^export (?:type )?\{([^}]*)\} from/gm;
const IMPORTS = /^import (?:type )?\{([^}]*)\} from "(pagewalk(?:\/kernel)?)"/gm;

let known: ReadonlyMap<string, ReadonlySet<string>> | undefined;

/** Names in the braces of an import or export, as the other side calls them or as this one does. */
function namesIn(braces: string, which: "first" | "last"): string[] {
  const parts = braces.split(",").map((part) => part.trim().replace(/^type\s+/, ""));
  return parts
    .filter((part) => part !== "")
    .map((part) => part.split(/\s+as\s+/).at(which === "first" ? 0 : -1)!);
}

/** What is behind each door. */
function doors(): ReadonlyMap<string, ReadonlySet<string>> {
  known ??= new Map(
    [...ENTRIES].map(([door, file]) => {
      const text = readFileSync(inRepository("lib", file), "utf8");
      return [door, new Set([...text.matchAll(EXPORTS)].flatMap((match) => namesIn(match[1]!, "last")))];
    }),
  );
  return known;
}

/**
 * The first name that `text` imports from a door that it is not behind. Not in Linux: a helper of the course.
 */
export function wrongDoor(text: string): WrongDoor | undefined {
  for (const { 0: whole, 1: braces, 2: door, index } of text.matchAll(IMPORTS))
    for (const name of namesIn(braces!, "first")) {
      if (doors().get(door!)!.has(name)) continue;
      const at = index + whole.search(new RegExp(`\\b${name.replaceAll("$", "\\$")}(?![\\w$])`));
      const other = [...doors()].find(([, names]) => names.has(name))?.[0];
      const advice =
        other === undefined
          ? `is neither in ${[...ENTRIES.keys()].map((one) => `"${one}"`).join(" nor in ")}`
          : `is not in "${door}"; import it from "${other}"`;
      return { line: text.slice(0, at).split("\n").length, name, advice };
    }
  return undefined;
}
