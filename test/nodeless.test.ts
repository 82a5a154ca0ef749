/**
 * The machine, its kernel, /proc and the pictures are the same code in Node and in a browser's page: nothing of Node's is imported
 * or named in hw, mm, fs, kernel, procfs, view and policies. It is tried in two ways: the compiler is shown these folders without
 * Node's types, and they run in a world that has nothing of Node's in it.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createContext, runInContext } from "node:vm";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { inRepository } from "../lib/course/paths.js";

const root = inRepository();
const PAGE_CODE = /^lib\/(hw|mm|fs|kernel|procfs|view|policies)\/.*\.ts$/;
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "lib"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => PAGE_CODE.test(file));

/** All that these folders may take for granted besides the language itself: what Node and browsers both have. */
const SHARED_GLOBALS = `
declare class TextEncoder {
  encode(text: string): Uint8Array;
  encodeInto(text: string, bytes: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  decode(bytes: Uint8Array): string;
}
declare function btoa(bytes: string): string;
declare const console: { log(...values: unknown[]): void };
`;

/** What the compiler says about `names` when it knows the language and SHARED_GLOBALS, but neither Node nor a browser. */
function complaints(names: readonly string[], made: Readonly<Record<string, string>> = {}): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const texts = new Map(
    Object.entries({ "lib/globals.d.ts": SHARED_GLOBALS, ...made }).map(([name, text]) => [
      join(root, name),
      text,
    ]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.readFile = (name) => texts.get(name) ?? readFile(name);
  const roots = [...names.map((name) => join(root, name)), ...texts.keys()];
  return ts.getPreEmitDiagnostics(ts.createProgram(roots, options, host)).map((diagnostic) => {
    const { file, messageText } = diagnostic;
    const text = ts.flattenDiagnosticMessageText(messageText, " ").split(". ")[0]!;
    return file === undefined ? text : `${relative(root, file.fileName)}: ${text}`;
  });
}

describe("the code that a page can run", () => {
  it("compiles without Node's types: it imports nothing of Node and names none of its globals", () => {
    expect(files.length).toBeGreaterThan(200);
    expect(complaints(files)).toEqual([]);
  });

  it.each([
    [
      "an import",
      'import { readFileSync } from "node:fs";\nreadFileSync("x");',
      "Cannot find module 'node:fs'",
    ],
    ["an import of a type", 'export type F = import("node:fs").Stats;', "Cannot find module 'node:fs'"],
    ["process", "process.exit(1);", "Cannot find name 'process'"],
    ["Buffer", "Buffer.alloc(1);", "Cannot find name 'Buffer'"],
    ["require", 'require("fs");', "Cannot find name 'require'"],
    ["__dirname", "export const here = __dirname;", "Cannot find name '__dirname'"],
    ["globalThis.process", "globalThis.process.exit(1);", "has no index signature"],
    ["import.meta.url", "export const { url } = import.meta;", "Property 'url' does not exist"],
    ["performance", "performance.now();", "Cannot find name 'performance'"],
  ])("would not compile with %s", (_name, text, complaint) => {
    expect(complaints([], { "lib/hw/made_up.ts": text }).join("\n")).toContain(complaint);
  });

  it("boots, faults, forks, shows /proc and draws where there is nothing of Node's", () => {
    const load = loaderWithoutNode();
    for (const file of files) load(file);
    const { boot } = load("lib/kernel/machine.ts") as typeof import("../lib/kernel/machine.js");
    load("lib/procfs/mount.ts");
    const { showMm } = load("lib/view/show_mm.ts") as typeof import("../lib/view/show_mm.js");
    const { drawWalk } = load("lib/view/draw_walk.ts") as typeof import("../lib/view/draw_walk.js");
    const machine = boot({ ram: "64 MiB" });
    const alice = machine.spawn("alice");
    const at = alice.mmap(16384, { prot: "rw" });
    alice.store(at, 1, 7);
    const bob = alice.fork();
    bob.store(at, 1, 8);
    expect([alice.load(at, 1), bob.load(at, 1), bob.getrusage().minFlt]).toEqual([7, 8, 1]);
    expect(machine.procfs.read("/proc/meminfo")).toMatch(/^MemTotal: +\d+ kB$/m);
    expect([...machine.procfs.images()].length).toBeGreaterThan(50);
    expect(String(showMm(bob.mm))).toContain("rw-p");
    expect(drawWalk(machine.explain(at)).html).toContain("data:image/svg+xml;base64,");
  });
});

/** Runs files of lib in a context of its own, which has the language and what a page has too. */
function loaderWithoutNode(): (file: string) => unknown {
  const context = createContext({ TextEncoder, TextDecoder, btoa, console });
  const loaded = new Map<string, object>();
  const load = (file: string): object => {
    const known = loaded.get(file);
    if (known !== undefined) return known;
    if (!PAGE_CODE.test(file)) throw new Error(`${file} is not one of the folders that a page can load`);
    const { outputText } = ts.transpileModule(readFileSync(join(root, file), "utf8"), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
    });
    const exports = {};
    loaded.set(file, exports);
    const run = runInContext(`(function (exports, require) {${outputText}\n})`, context, { filename: file });
    run(exports, (name: string) => load(join(dirname(file), name).replace(/\.js$/, ".ts")));
    return exports;
  };
  return load;
}
