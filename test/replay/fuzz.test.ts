/**
 * Scripts that nobody meant: any text is either run, in bounded work, or refused with the line and the word.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runScenario } from "../../lib/replay/executor.js";
import { newHost } from "../../lib/replay/kernel_host.js";
import { MOST_PAGES_OF_LINE, pagesIn, VisitBudget } from "../../lib/replay/limits.js";
import { ADVICE_NAMES, parseScenario } from "../../lib/replay/parse.js";
import { ScenarioError } from "../../lib/replay/scenario.js";

/** How many random scripts; set PAGEWALK_SCRIPTS=10000 for the long run. */
const NR_SCRIPTS = Number(process.env.PAGEWALK_SCRIPTS ?? 30);

/** Runs `text`; the sentence that refuses it, or undefined when it ran to its end. Any other error fails the test. */
function refusal(text: string): string | undefined {
  try {
    JSON.stringify(runScenario(parseScenario(text), newHost("64 MiB")));
    return undefined;
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    expect(error.message).toMatch(/^line \d+, operation ".*": ./s);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be printed
    expect(error.message).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028]/);
    const own = error.message.replace(/"[^"]*"/g, "");
    expect(own).not.toMatch(/undefined|NaN|\[object|is not a function|of null/);
    expect(error.message.length).toBeLessThan(700);
    expect(text.split("\n").length).toBeGreaterThanOrEqual(error.line);
    return error.message;
  }
}

const PROTOTYPE_NAMES = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"];
const name = fc.constantFrom("P", "Q", "A", "B", "F", "HEAP", "anon", "file:F", ...PROTOTYPE_NAMES);
const huge = [
  "10000000000000",
  "9".repeat(30),
  "34359738368",
  "-1",
  "2147483648",
  "1048577",
  "0x10",
  "1e13",
  "NaN",
  "",
];
const number = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 12 }).map(String) },
  { weight: 1, arbitrary: fc.integer({ min: 13, max: 20_000 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom(...huge) },
);
const range = fc.oneof(
  number,
  fc.tuple(number, number).map(([a, b]) => `${a}:${b}`),
  fc.tuple(number, number, number).map(([a, b, c]) => `${a}:${b}/${c}`),
);
const option = fc.oneof(
  fc.constantFrom(
    "populate",
    "locked",
    "hugetlb",
    "growsdown",
    "noreserve",
    "auto",
    "fixed",
    "maymove",
    "dontunmap",
  ),
  fc.constantFrom(
    "sparse",
    "nosync",
    "fs=shm",
    "onfault",
    "nopages",
    "soft",
    "current",
    "future",
    "prot=none",
    "prot=r",
  ),
  fc
    .tuple(fc.constantFrom("pgoff", "off", "chunk", "to", "at", "w", "step"), fc.oneof(number, name))
    .map(([a, b]) => `${a}=${b}`),
);
const word = fc.oneof(
  { weight: 3, arbitrary: name },
  { weight: 3, arbitrary: range },
  { weight: 2, arbitrary: option },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "r",
      "w",
      "rw",
      "none",
      "private",
      "shared",
      "inf",
      "sync",
      "file",
      ...ADVICE_NAMES,
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
);
const OPERATIONS =
  "noop map munmap mprotect madvise mlock munlock mlockall munlockall msync mincore mremap brk touch probe check bytes uread uwrite fork exit kill oomadj clearrefs rlimit pmcount cgroup".split(
    " ",
  );
const FILE_OPERATIONS =
  "create truncate truncbytes evict sync unlink evictrange readall pwrite preadpage".split(" ");
const CONTROL =
  "spawn file report sleep vmstat meminfo zoneinfo oomsnap dmesg cat write dropcaches mkswap swapon swapoff mkdir mount brief quiet lockself".split(
    " ",
  );
const words = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((found) => found.join(" "));
const some = (arbitrary: fc.Arbitrary<string>, maxLength = 4) =>
  fc.array(arbitrary, { maxLength }).map((found) => found.join(" "));
const from = (...names: string[]) => fc.constantFrom(...names);

/** Lines that mean something, with numbers from anywhere. */
const sensible = fc.oneof(
  words(
    from("P", "Q"),
    from("map"),
    from("A", "B", "constructor"),
    from("anon", "file:F"),
    from("private", "shared"),
    number,
    some(option, 2),
  ),
  words(
    from("P", "Q"),
    from("touch", "probe", "check", "bytes"),
    from("A", "B", "HEAP"),
    range,
    from("r", "w", "w=3", "file", ""),
  ),
  words(from("P", "Q"), from("munmap", "mincore", "mlock", "munlock", "pmcount"), from("A", "B"), range),
  words(from("P", "Q"), from("madvise"), from("A", "B"), range, from(...ADVICE_NAMES)),
  words(from("P", "Q"), from("mprotect"), from("A", "B"), range, from("none", "r", "rw", "x")),
  words(from("P", "Q"), from("mremap"), from("A", "B"), range, number, some(option, 2)),
  words(from("P", "Q"), from("uread", "uwrite"), from("A", "B"), range, from("F"), some(option, 1)),
  words(from("P", "Q"), from("msync"), from("A", "B"), range, from("sync", "async", "invalidate")),
  words(from("P", "Q"), from("rlimit"), from("as", "data", "stack", "memlock"), from("inf", "400", ...huge)),
  words(from("P", "Q"), from("brk", "exit", "oomadj", "clearrefs", "fork"), fc.oneof(number, name)),
  words(from("file F"), from("create"), number, some(option, 2)),
  words(from("file F"), from(...FILE_OPERATIONS), number, number),
  words(
    from(
      "report",
      "spawn P",
      "spawn Q",
      "P mlockall current future",
      "P fork Q",
      "sleep 9",
      "report nopages soft",
    ),
  ),
  words(
    from(
      "cat /proc/meminfo",
      "cat /proc/1/maps",
      "cat /proc/constructor",
      "cat x",
      "meminfo MemFree",
      "meminfo __proto__",
    ),
  ),
);
/** Any words in any order. */
const wild = fc.oneof(
  words(from("P", "Q"), from(...OPERATIONS, ...PROTOTYPE_NAMES), some(word, 6)),
  words(from(...CONTROL, ...PROTOTYPE_NAMES), some(word, 6)),
  words(from("file F"), from(...FILE_OPERATIONS, ...PROTOTYPE_NAMES), some(word)),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const START = "brief off\nspawn P\nfile F create 6\nP map A anon private 8\nP map B file:F shared 5\n";

/** Runs what is left of `lines` when each line that is refused is taken out; how many are left. */
function runRest(lines: readonly string[]): number {
  let rest = [...START.trimEnd().split("\n"), ...lines.flatMap((line) => line.split("\n"))];
  for (let said = refusal(rest.join("\n")); said !== undefined; said = refusal(rest.join("\n"))) {
    const wrong = Number(/^line (\d+)/.exec(said)![1]);
    rest = rest.filter((_, at) => at !== wrong - 1);
  }
  return rest.length;
}

describe("a script of random words", () => {
  it(`is run or refused with its line (${NR_SCRIPTS} of lines that mean something)`, () => {
    let ran = 0;
    const property = fc.property(fc.array(sensible, { minLength: 1, maxLength: 12 }), (lines) => {
      ran += runRest(lines) - 5;
    });
    fc.assert(property, { numRuns: NR_SCRIPTS, seed: Number(process.env.PAGEWALK_SEED ?? 8) });
    expect(ran).toBeGreaterThan(NR_SCRIPTS);
  }, 36_000_000);

  it(`is run or refused with its line (${NR_SCRIPTS} of any words)`, () => {
    const property = fc.property(
      fc.array(wild, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (lines, started) => {
        refusal((started ? START : "") + lines.join("\n"));
      },
    );
    fc.assert(property, { numRuns: NR_SCRIPTS, seed: Number(process.env.PAGEWALK_SEED ?? 8) });
  }, 36_000_000);
});

describe("a script that asks for too much", () => {
  it.each([
    ["P touch A 0:10000000000000 w", 'range "0:10000000000000" goes beyond'],
    ["P bytes A 0:1000,0:1048576", "it visits 1049576 pages"],
    ["P probe A 1048577:0/-1 r", "it visits 1048577 pages"],
    ["P madvise A 0:9999999/1 COLD", "it visits 9999999 pages"],
    ["P mincore A 0:34359738368", "it visits 34359738368 pages"],
    ["P map C anon private 99999999999999999999", 'number of pages "99999999999999999999" is not from 0 to'],
    ["P map C anon private -4", 'number of pages "-4" is not from 0'],
    ["P map C anon private 4 pgoff=-1", 'pgoff "-1" is not from 0'],
    ["P map C anon private 4 at=A+99999999999999", '"at=A+99999999999999" is not at=AREA+pages'],
    ["file G create 10000000", "it visits 10000000 pages"],
    ["file F readall chunk=0", 'chunk "0" is not from 1 to 65536'],
    ["sleep 10000000000000", 'milliseconds "10000000000000" is not from 0 to'],
    ["P rlimit as 99999999999999", 'kB "99999999999999" is not from 0 to'],
    ["P pmcount A 0:2000000", "it visits 2000000 pages"],
    ["file F truncate 9999999\nfile F readall", "it visits 9999999 pages"],
    ["P map C anon private 9999999 noreserve\nreport", "it visits 9999999 pages"],
  ])("is refused before that is done: %s", (lines, says) => {
    expect(refusal(START + lines)).toContain(says);
  });

  it("is refused where its lines together visit too much", () => {
    const line = `P probe A 0:${MOST_PAGES_OF_LINE} r`;
    expect(() => parseScenario(`spawn P\n${Array(9).fill(line).join("\n")}`)).toThrow(
      /^line 5, .* the script visits/,
    );
    expect(() => parseScenario(`spawn P\n${"P noop\n".repeat(20_000)}`)).toThrow(
      /^line 20001, .*more than 20000 steps/,
    );
    expect(() => parseScenario("x".repeat(2 ** 22 + 1))).toThrow(/4194305 characters/);
  });

  it("counts the pages of ranges in both directions", () => {
    expect(pagesIn({ start: 0, end: 9, step: 1 })).toBe(9);
    expect(pagesIn({ start: 9, end: 0, step: -2 })).toBe(5);
    expect(pagesIn({ start: 9, end: 0, step: 1 })).toBe(0);
    const budget = new VisitBudget();
    expect(Array.from({ length: 5 }, () => budget.add(MOST_PAGES_OF_LINE)).map(Boolean)).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});

describe("names that every JavaScript object has", () => {
  it.each(PROTOTYPE_NAMES)("are names like any other, and no operations: %s", (what) => {
    expect(
      refusal(
        `spawn P\nP map ${what} anon private 4\nP bytes ${what} 0:9\nfile ${what} create 2\nP fork ${what}\nreport\n${what} exit 0`,
      ),
    ).toBeUndefined();
    for (const line of [
      what,
      `P ${what}`,
      `file F ${what}`,
      `P madvise A 0 ${what}`,
      `P map A anon private 1 ${what}`,
    ])
      expect(refusal(START + line)).toContain(`${what}"`);
  });

  it("are not invented by the reader of a script", () => {
    for (const bad of ["~P", "a/b", "../x", "x".repeat(33), "7", "\x1b[31m", "é"])
      expect(refusal(`spawn ${bad}`)).toMatch(/is not a name|cannot be printed/);
  });
});
