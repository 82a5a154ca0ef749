/**
 * From a place in the JavaScript that runs back to the line of the cell that the learner wrote.
 *
 * tslab turns a cell into JavaScript in two steps, and runs the result without a file name:
 *
 *     cell (TypeScript) --emit--> ES module --transpileModule--> CommonJS --> vm.runInThisContext
 *                         map 1                 map 2
 *
 * Here TypeScript is asked for both maps, the script gets the name `cell:N`, and `whereInCell` walks back
 * through map 2 and map 1. The maps' comments are cut off before the script runs.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { SourceMap, type SourceMapPayload } from "node:module";
import vm from "node:vm";
import { type CompilerSystem, withNodeTypesOnDemand } from "./cell_types.js";
import { withManyTimers } from "./rebuild_timers.js";

/** The part of the TypeScript that comes with tslab that is changed here. */
export interface TypeScriptApi {
  createWatchCompilerHost(
    rootFiles: string[],
    options: Record<string, unknown>,
    system: CompilerSystem,
    ...rest: unknown[]
  ): unknown;
  transpileModule(
    input: string,
    options: { compilerOptions: Record<string, unknown> },
  ): { outputText: string };
}

interface Cell {
  readonly source: string;
  /** The script's last line, which is tslab's own call of the cell. */
  readonly lastLine: number;
  /** Maps to walk back through, the last step first. */
  readonly maps: readonly SourceMap[];
}

/** tslab puts `export {};` on a line of its own above the cell. */
const LINES_ABOVE_CELL = 1;
/** tslab wraps a cell in one of these, on the first line. */
const WRAPPER = /^\((?:async )?function\(exports, require\) \{ /;
const MAP_COMMENT = /^\/\/# sourceMappingURL=data:application\/json[^,]*,([A-Za-z0-9+/=]+)\s*$/m;

const cells = new Map<number, Cell>();
let current = { count: 0, source: "" };
let freshMaps: SourceMap[] = [];

/** Takes the map's comment off the end of a script, and reads it. */
function splitMap(script: string): { code: string; map: SourceMap | undefined } {
  const found = MAP_COMMENT.exec(script);
  if (found === null) return { code: script, map: undefined };
  const payload = JSON.parse(Buffer.from(found[1]!, "base64").toString()) as SourceMapPayload;
  return { code: script.slice(0, found.index), map: new SourceMap(payload) };
}

/**
 * The same TypeScript, asking for source maps, for Node's types only when a cell needs them (cell_types.ts),
 * and with as many timers as it wants (rebuild_timers.ts); to be put in `require.cache` before tslab loads.
 */
export function withSourceMaps<Api extends TypeScriptApi>(ts: Api): Api {
  return {
    ...ts,
    createWatchCompilerHost: (rootFiles, options, system, ...rest) => {
      const nodeTypes = withNodeTypesOnDemand(system);
      const files = [...rootFiles, nodeTypes.file];
      const wanted = { ...options, inlineSourceMap: true, types: [] };
      return ts.createWatchCompilerHost(files, wanted, withManyTimers(nodeTypes.system), ...rest);
    },
    transpileModule: (input: string, options: { compilerOptions: Record<string, unknown> }) => {
      const first = splitMap(input);
      const compilerOptions = { ...options.compilerOptions, inlineSourceMap: true };
      const second = splitMap(ts.transpileModule(first.code, { ...options, compilerOptions }).outputText);
      freshMaps = [second.map, first.map].filter((map) => map !== undefined);
      return { outputText: second.code };
    },
  };
}

/** Names every cell's script `cell:N`, so that N and the maps can be found again from a stack trace. */
export function nameCellScripts(): void {
  const run = vm.runInThisContext;
  vm.runInThisContext = (code: string, options?: vm.RunningScriptOptions | string) => {
    if (!WRAPPER.test(code) || typeof options !== "object") return run(code, options);
    const lastLine = code.split("\n").length;
    cells.set(current.count, { source: current.source, lastLine, maps: freshMaps });
    return run(code, { ...options, filename: `cell:${current.count}` });
  };
}

/** Must be called before a cell is executed. */
export function beginCell(count: number, source: string): void {
  current = { count, source };
}

/** The line and column (from 1) in the cell, for a line and column in its script. */
export function whereInCell(
  count: number,
  line: number,
  column: number,
): { line: number; column: number } | undefined {
  const cell = cells.get(count);
  if (cell === undefined) return undefined;
  // Maps count from 0. The script's first line starts after tslab's wrapper.
  let at = { line: line - 1, column: column - 1 };
  if (at.line === 0) at.column = Math.max(0, at.column - "(function(exports, require) { ".length);
  for (const map of cell.maps) {
    const entry = map.findEntry(at.line, at.column);
    if (!("originalLine" in entry)) return undefined;
    at = { line: entry.originalLine, column: entry.originalColumn };
  }
  return { line: at.line - LINES_ABOVE_CELL + 1, column: at.column + 1 };
}

/** Whether a line of a cell's script is the learner's, and not tslab's call of the whole cell. */
export function isCellLine(count: number, line: number): boolean {
  return line !== cells.get(count)?.lastLine;
}

/** One line of a cell that has run, for a message. */
export function lineOfCell(count: number, line: number): string | undefined {
  return cells.get(count)?.source.split("\n")[line - 1];
}
