/**
 * Mutants: copies of a lab's solution with one small mistake each, in places that learners write.
 *
 *     solutions/04-copy-on-write.ts           mutants of 04.2
 *       // SOLUTION BEGIN
 *       pteClear(sys.ram, vmf.ptep);   --->   04.2 drop: [pteClear(sys.ram, vmf.ptep); => {}]
 *       flushTlbPage(vmMm, address);   --->   04.2 argument: flushTlbPage([vmMm, address => address, vmMm]);
 *       // SOLUTION END
 *
 * A mutant's id is its exercise, its operator, and the line with the change marked in it. So it stays the
 * same when other lines change, and a reader sees the mistake without looking it up. Equal ids are numbered:
 * "... (2)".
 *
 * Not in Linux: a tool of the course. Read first: operators.ts. Read next: trial.ts.
 */

import type TS from "typescript";
import { type Edit, EXPRESSION_OPERATORS, familyOf, type Names, ts } from "./operators.js";
import { STATEMENT_OPERATORS } from "./statements.js";

/** One mistake in the solution. */
export interface Mutant {
  id: string;
  /** The exercise that has to find it: "04.2". */
  task: string;
  /** The line of the solution, from 1. */
  line: number;
  /** The whole file with the mistake. */
  text: string;
}

/** A part of the text between SOLUTION BEGIN and SOLUTION END, and the exercise that it answers. */
interface Region {
  task: string;
  start: number;
  end: number;
}

const OPERATORS = [...STATEMENT_OPERATORS, ...EXPRESSION_OPERATORS];

/** Every mutant of a lab's solution, in order of place. Not in Linux: a tool of the course. */
export function mutantsOf(solution: string): Mutant[] {
  const source = ts.createSourceFile("solution.ts", solution, ts.ScriptTarget.ES2022, true);
  const names: Names = { families: families(source) };
  const seen = new Set<string>([solution]);
  const ids = new Map<string, number>();
  const mutants: Mutant[] = [];
  const add = (task: string, operator: string, edit: Edit): void => {
    const text = solution.slice(0, edit.start) + edit.text + solution.slice(edit.end);
    if (seen.has(text)) return;
    seen.add(text);
    const plainId = `${task} ${operator}: ${marked(solution, edit)}`;
    const nr = (ids.get(plainId) ?? 0) + 1;
    ids.set(plainId, nr);
    const line = source.getLineAndCharacterOfPosition(edit.start).line + 1;
    mutants.push({ id: nr === 1 ? plainId : `${plainId} (${nr})`, task, line, text });
  };
  for (const region of regionsOf(solution))
    forEachNode(source, region, (node) => {
      for (const { name, edits } of OPERATORS)
        for (const edit of edits(node, names)) add(region.task, name, edit);
    });
  return mutants;
}

/** The nodes that lie in a region, from the outside in, without types. */
function forEachNode(node: TS.Node, region: Region, visit: (node: TS.Node) => void): void {
  if (node.end <= region.start || node.getStart() >= region.end || ts.isTypeNode(node)) return;
  const body = ts.isBlock(node) && ts.isFunctionLike(node.parent);
  const inside = node.getStart() >= region.start && node.end <= region.end;
  if (inside || (body && node.statements.length > 0)) visit(node);
  ts.forEachChild(node, (child) => forEachNode(child, region, visit));
}

function regionsOf(text: string): Region[] {
  const regions: Region[] = [];
  let task = "";
  let start = -1;
  let at = 0;
  for (const line of text.split("\n")) {
    task = /^(?:\/\*\*| \*) (\d\d\.\d+) /.exec(line)?.[1] ?? task;
    if (/^\s*\/\/ SOLUTION BEGIN/.test(line)) start = at + line.length;
    if (/^\s*\/\/ SOLUTION END/.test(line)) regions.push({ task, start, end: at });
    at += line.length + 1;
  }
  return regions;
}

/** Constants in capitals, imported or declared, by family and in order of their names. */
function families(source: TS.SourceFile): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const names = [...new Set(source.text.match(/(?<![\w$.])_*[A-Z][A-Z0-9]+(?:_\w+)?(?![\w$])/g) ?? [])];
  for (const name of names.sort().filter((one) => isDeclared(source, one))) {
    const family = familyOf(name);
    if (family !== undefined) found.set(family, [...(found.get(family) ?? []), name]);
  }
  return found;
}

function isDeclared(source: TS.SourceFile, name: string): boolean {
  return source.statements.some((statement) => {
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.some((one) => one.name.getText() === name);
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    return bindings !== undefined && ts.isNamedImports(bindings)
      ? bindings.elements.some((one) => one.name.text === name && !one.isTypeOnly)
      : false;
  });
}

/** The line of an edit with the change marked: `setPte(ram, [a => b], pte);`. */
function marked(text: string, { start, end, text: fresh }: Edit): string {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const lineEnd = text.indexOf("\n", end);
  const before = text.slice(lineStart, start).trimStart();
  const after = text.slice(end, lineEnd < 0 ? text.length : lineEnd);
  return `${before}[${short(text.slice(start, end))} => ${short(fresh)}]${after}`.trim();
}

const SHORT = 90;

function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= SHORT ? line : `${line.slice(0, SHORT - 30)} ... ${line.slice(-25)}`;
}
