/**
 * Which types of Node a cell can see, and when they are read.
 *
 * tslab gives every cell all of @types/node: 110 files, 2.3 MB of text, read at the kernel's start and gone
 * through again for each cell, which is half of the time that a cell takes. Most cells only print. So they
 * start with the few names below, and @types/node takes their place when a cell does not compile for want of
 * a name:
 *
 *     __node__.d.ts  =  declare var console ...             until a cell says "process", "node:fs" ...
 *                    =  /// <reference types="node" />      for that cell, compiled again, and all after it
 *
 * Not in Linux: part of the course, not of the machine.
 */
import type { TimerSystem } from "./rebuild_timers.js";
import type { TslabConverter } from "./tslab.js";

/** A file that TypeScript watches has changed. */
type OnChange = (path: string, kind: number) => void;

/** TypeScript's `System`, as far as it is used here; tslab hands its own to the compiler. */
export interface CompilerSystem extends TimerSystem {
  readFile(path: string, encoding?: string): string | undefined;
  fileExists(path: string): boolean;
  getCurrentDirectory(): string;
  watchFile?(path: string, onChange: OnChange, ...rest: unknown[]): { close(): void };
}

const NODE_TYPES = "__node__.d.ts";
/** TypeScript's FileWatcherEventKind.Changed. */
const CHANGED = 1;

const ALL_OF_NODE = '/// <reference types="node" />\n';
const FEW_NAMES = `
interface Console {
  /** Prints below the cell. */
  log(...data: any[]): void;
  /** Prints below the cell, on stderr. */
  error(...data: any[]): void;
  info(...data: any[]): void;
  warn(...data: any[]): void;
  debug(...data: any[]): void;
  table(data: any, columns?: readonly string[]): void;
  dir(item: any, options?: any): void;
}
declare var console: Console;
`;

/** TypeScript's codes for a name, module, namespace or property that it cannot find. */
const NOT_FOUND = new Set([2304, 2305, 2307, 2318, 2339, 2503, 2551, 2552, 2580, 2584, 2591, 2792]);

let all = false;
let announce: OnChange = () => {};
let file = "";

/**
 * `system` with one more file, whose text depends on the cells so far. `file` is its path, to be added to the
 * program. There is one of it, as there is one kernel in the process.
 */
export function withNodeTypesOnDemand<S extends CompilerSystem>(system: S): { system: S; file: string } {
  file = `${system.getCurrentDirectory().replaceAll("\\", "/").replace(/\/$/, "")}/${NODE_TYPES}`;
  const more: S = Object.create(system) as S;
  more.readFile = (path, encoding) =>
    path === file ? (all ? ALL_OF_NODE : FEW_NAMES) : system.readFile(path, encoding);
  more.fileExists = (path) => path === file || system.fileExists(path);
  more.watchFile = (path, onChange, ...rest) => {
    if (path !== file) return system.watchFile!(path, onChange, ...rest);
    announce = onChange;
    return { close: () => {} };
  };
  return { system: more, file };
}

/** Makes `converter` compile a cell a second time, with all of Node's types, when it lacks a name. */
export function retryWithNodeTypes(converter: TslabConverter): TslabConverter {
  const { convert } = converter;
  converter.convert = (...args) => {
    const result = convert(...args);
    if (all || !result.diagnostics.some(({ code }) => NOT_FOUND.has(code))) return result;
    all = true;
    announce(file, CHANGED);
    return convert(...args);
  };
  return converter;
}
