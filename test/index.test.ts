import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as pagewalk from "../lib/index.js";
import * as kernel from "../lib/kernel.js";
import { type Args, CLASSES, FUNCTIONS, LOOSE } from "./index/examples.js";

/** What people pass by mistake. */
const BAD: readonly (readonly [name: string, make: () => unknown])[] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["NaN", () => NaN],
  ["-1", () => -1],
  ["0.5", () => 0.5],
  ["2^53", () => 2 ** 53],
  ["Infinity", () => Infinity],
  ['""', () => ""],
  ['"nonsense"', () => "nonsense"],
  ["[]", () => []],
  ["[null]", () => [null]],
  ["{}", () => ({})],
  ["{ nonsense: 1 }", () => ({ nonsense: 1 })],
  ["an object without a prototype", () => Object.create(null)],
  ["a function", () => () => undefined],
  ["a symbol", () => Symbol("bad")],
  ["7n", () => 7n],
  ["true", () => true],
];

/** What V8 and Node say when nobody has checked. */
const RAW = new RegExp(
  [
    "^Cannot (read|set|convert|mix|destructure|use|access|assign|add|delete|define|perform|create|write)",
    "is not (a function|iterable|a constructor|defined|extensible|an Object|an object)\\b(?! )",
    "(not iterable|read only property|called on incompatible|non-callable)",
    "^(Invalid|Maximum call|Array buffer|The number .* cannot be|Reduce of|Assignment to|Right-hand|Method |Spread|Iterator)",
    "^(undefined|null|object null) is not",
    '^The ("|property|argument|value of)',
    "^(start offset|offset is out|toString\\(\\) radix|toFixed|Division by zero|Unexpected token|Expected )",
  ].join("|"),
);

/** Errors that the project makes; a SyntaxError or an Error is nobody's answer to a bad argument. */
const OURS =
  /^(RangeError|TypeError|SyscallError|SignalError|FaultError|TripleFault|SegmentFault|PageFault|AddressFault|NotWrittenYet)$/;

const sources = new Map<string, string[]>();

/** Whether the innermost frame of lib in the error's stack is at a `throw` or in an error's constructor. */
function thrownByUs(error: Error): boolean {
  const frame = /\/(lib\/[\w/]+\.[jt]s):(\d+):\d+/.exec(error.stack ?? "");
  if (frame === null) return false;
  const [, file, line] = frame as unknown as [string, string, string];
  let lines = sources.get(file);
  if (lines === undefined) {
    lines = readFileSync(new URL(`../${file}`, import.meta.url), "utf8").split("\n");
    sources.set(file, lines);
  }
  return lines
    .slice(Math.max(0, Number(line) - 4), Number(line))
    .some((text) => /\bthrow\b|new \w*(Error|Fault)\(|super\(/.test(text));
}

/** What is wrong with how a call ended, or undefined. */
function complaint(error: unknown): string | undefined {
  if (!(error instanceof Error)) return `threw ${typeof error}`;
  const what = `${error.name}: ${error.message.slice(0, 160)}`;
  if (!OURS.test(error.name)) return `is no error of ours: ${what}`;
  if (RAW.test(error.message)) return `is a raw error: ${what}`;
  if (!thrownByUs(error)) return `is not thrown by lib: ${what}`;
  if (/\[object|function|=>/.test(error.message) && / \[object Object\]|=>/.test(error.message))
    return `shows a value raw: ${what}`;
  return undefined;
}

/** Calls with each argument spoilt in turn, and with none at all; what was wrong. */
async function spoil(
  call: string,
  args: (self: never) => unknown[],
  run: (args: unknown[], self: never) => unknown,
  make: () => object,
): Promise<string[]> {
  const wrong: string[] = [];
  const attempt = async (label: string, change: (args: unknown[]) => unknown[]): Promise<void> => {
    const self = make() as never;
    const given = change(args(self));
    const before = stateOf(self);
    try {
      await run(given, self);
    } catch (error) {
      const problem = complaint(error);
      if (problem !== undefined) wrong.push(`${call} with ${label} ${problem}`);
      if (error instanceof RangeError || error instanceof TypeError)
        if (stateOf(self) !== before) wrong.push(`${call} with ${label} was refused, but changed something`);
    }
  };
  await attempt("no argument", () => []);
  const count = args(make() as never).length;
  for (let i = 0; i < count; i++)
    for (const [name, bad] of BAD)
      await attempt(`${name} as argument ${i + 1}`, (given) =>
        given.map((arg, at) => (at === i ? bad() : arg)),
      );
  return wrong;
}

/** What a refused call must leave as it was. */
function stateOf(self: unknown): string {
  if (self instanceof pagewalk.Process && self.alive) {
    const { kernel, mm, pid } = self;
    const areas = [...mm.mmMt].map((vma) => `${vma.vmStart}-${vma.vmEnd} ${vma.vmFlags}`);
    return `${pid} ${[...kernel.tasks.keys()]} ${kernel.sys.clock.nowNs} ${self.getrusage().minFlt} ${areas}`;
  }
  if (self instanceof pagewalk.Machine)
    return `${self.clock.nowNs} ${self.pageTables.length} ${self.cpus.map((cpu) => `${cpu.cr3} ${cpu.cpl} ${cpu.mmu.walks}`)}`;
  if (self instanceof pagewalk.PageTable) return JSON.stringify(self.mappings().map((m) => [m.va, m.pfn]));
  return "";
}

const isClass = (value: unknown) => /^class\b/.test(Function.prototype.toString.call(value));
/** What notebooks and exercises can import, by name. */
const byName = new Map<string, unknown>([...Object.entries(pagewalk), ...Object.entries(kernel)]);
const exported = [...byName].filter(([name, value]) => typeof value === "function" && !(name in LOOSE));
const functions = exported.filter(([, value]) => !isClass(value)).map(([name]) => name);
const classes = exported.filter(([, value]) => isClass(value)).map(([name]) => name);
const value = (name: string) => byName.get(name) as (...args: unknown[]) => unknown;

/** Methods that a class has of its own; TypeScript's `private` ones are left out by name. */
function methodsOf(name: string): string[] {
  const { prototype } = value(name) as unknown as { prototype: object };
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([method, { value: f }]) => method !== "constructor" && typeof f === "function")
    .map(([method]) => method)
    .filter((method) => !(CLASSES[name]?.inside ?? []).includes(method));
}

describe("the public index", () => {
  it("has two doors, and no name behind both", () => {
    expect(Object.keys(kernel).filter((name) => name in pagewalk)).toEqual([]);
  });

  it("has good arguments in test/index/examples.ts for everything it exports, or a reason why not", () => {
    const unknown = [
      ...functions.filter((name) => !(name in FUNCTIONS)),
      ...classes.filter((name) => !(name in CLASSES)),
    ];
    expect(unknown, "add these exports to test/index/examples.ts").toEqual([]);
    const missing = classes.flatMap((name) =>
      methodsOf(name)
        .filter(
          (method) =>
            !Object.hasOwn(CLASSES[name]!.methods ?? {}, method) && value(name).prototype[method].length > 0,
        )
        .map((method) => `${name}.${method}`),
    );
    expect(missing, "add good arguments of these methods to test/index/examples.ts").toEqual([]);
    const gone = [...Object.keys(FUNCTIONS), ...Object.keys(CLASSES), ...Object.keys(LOOSE)].filter(
      (name) => !byName.has(name),
    );
    expect(gone, "test/index/examples.ts names what is not exported").toEqual([]);
  });

  it.each(functions)("%s() takes its good arguments, and answers bad ones with a sentence", async (name) => {
    const args: Args = FUNCTIONS[name] ?? (() => Array(value(name).length).fill(undefined));
    if (name in FUNCTIONS && !/^(reset|check|drawFaultPath|stepFault)$/.test(name))
      await value(name)(...args());
    expect(
      await spoil(
        `${name}()`,
        args,
        (given) => value(name)(...given),
        () => ({}),
      ),
    ).toEqual([]);
  });

  it.each(classes)("%s's constructor and methods answer bad arguments with a sentence", async (name) => {
    const { args, make, methods = {} } = CLASSES[name] ?? {};
    const Made = value(name) as unknown as new (...args: unknown[]) => object;
    const wrong =
      args === undefined
        ? []
        : await spoil(
            `new ${name}()`,
            args,
            (given) => new Made(...given),
            () => ({}),
          );
    const instance = make ?? (() => new Made(...args!()));
    for (const method of methodsOf(name)) {
      const good = Object.hasOwn(methods, method) ? methods[method]! : () => [];
      const run = (given: unknown[], self: never) =>
        (self as Record<string, (...args: unknown[]) => unknown>)[method]!(...given);
      wrong.push(...(await spoil(`${name}.${method}()`, good, run, instance)));
    }
    expect(wrong).toEqual([]);
  });
});
