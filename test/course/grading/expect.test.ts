import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NotWrittenYet } from "../../../lib/course/exercises/not_written_yet.js";
import type { DifferenceError } from "../../../lib/course/grading/difference.js";
import {
  asAddress,
  asEntry,
  asErrorCode,
  asValue,
  expectSame,
  expectSameRuns,
  expectSameSteps,
  expectThrown,
} from "../../../lib/course/grading/expect.js";

/** The difference that `act` reports. */
function differenceOf(act: () => unknown): DifferenceError {
  const error = expectThrown(act) as DifferenceError;
  expect(error.name).toBe("DifferenceError");
  return error;
}

describe("values in the learner's terms", () => {
  it("writes an address in hexadecimal and bit by bit", () => {
    expect(asAddress(0x7f12_3456_7abc)).toBe(
      [
        "0x7f1234567abc",
        "011111110 001001000 110100010 101100111 | 101010111100",
        "PML4 254  PDPT 72   PD 418    PT 359    | offset 0xabc",
      ].join("\n"),
    );
    expect(asAddress(-4096)).toMatch(
      /^0xfffffffffffff000\n111111111 111111111 111111111 111111111 \| 000000000000\n/,
    );
    expect(asAddress(Number.NaN)).toBe("NaN");
  });

  it("decodes entries and error codes", () => {
    expect(asEntry(0x8000_0000_0000_5067n)).toBe("0x8000000000005067: pfn 0x5 P RW US A D NX");
    expect(asErrorCode(7)).toBe("0x7 (user write, not allowed)");
  });

  it("writes large numbers in hexadecimal too and cuts long values", () => {
    expect(asValue({ pa: 0x5000, ok: true, list: [1, 2n] })).toBe(
      "{ pa: 0x5000 (20480), ok: true, list: [ 1, 0x2n ] }",
    );
    expect(asValue(-0)).toBe("-0");
    expect(
      asValue(Array.from({ length: 1000 }, (_, at) => at))
        .split("\n")
        .at(-2),
    ).toContain("976 more");
    const loop: unknown[] = [];
    loop.push(loop);
    expect(asValue(loop)).toContain("...");
  });
});

describe("expectSame", () => {
  it("accepts what is equal, also a plain object for an instance", () => {
    class Fault {
      constructor(readonly va: number) {}
    }
    expect(() => expectSame({ va: 1 }, new Fault(1))).not.toThrow();
    expect(() => expectSame([new Fault(2)], [{ va: 2 }])).not.toThrow();
  });

  it("names the first difference inside an object, and shows of a large one only what differs", () => {
    const expected = { steps: [{ level: 4 }, { level: 3 }], text: "a long text ".repeat(20), pfn: 5 };
    const error = differenceOf(() =>
      expectSame({ ...expected, pfn: 6 }, expected, { what: "walk(0)", because: "12 bits" }),
    );
    expect(error.message).toBe("walk(0) is wrong, first at .pfn: 12 bits.");
    expect(error.got).toBe("{ ..., pfn: 6 }");
    const deep = differenceOf(() =>
      expectSame({ steps: [{ level: 4 }, { level: 2 }] }, { steps: expected.steps }),
    );
    expect(deep.message).toContain("first at .steps[1].level");
  });

  it("tells 0 from -0, undefined from missing, and a number from a bigint", () => {
    for (const [got, wanted] of [
      [0, -0],
      [{ a: undefined }, {}],
      [1, 1n],
      [[1], [1, undefined]],
    ])
      expect(() => expectSame(got, wanted)).toThrow();
  });
});

describe("expectSameSteps", () => {
  it("shows the step at which two lists part", () => {
    const error = differenceOf(() => expectSameSteps([4, 3, 9], [4, 3, 2, 1], { what: "walk(0x1000)" }));
    expect(error.message).toBe("walk(0x1000): they part at step 3, after 2 equal steps.");
    expect([error.got, error.wanted]).toEqual(["9", "2"]);
    expect(differenceOf(() => expectSameSteps([4], [4, 3])).got).toBe("(no such step: it ends before)");
  });
});

describe("expectThrown", () => {
  it("lets pass what is not the learner's error", () => {
    expect(() =>
      expectThrown(() => {
        throw new NotWrittenYet("01.1");
      }),
    ).toThrow(NotWrittenYet);
    expect(() => expectThrown(() => 3, { what: "load(0)" })).toThrow("load(0) should throw.");
  });
});

/** A stack machine: the submission loses the value below the top on `swap` once it has been deeper than two. */
type Op = { kind: "push"; value: number } | { kind: "pop" } | { kind: "swap" };

function* stack(operations: readonly Op[], isWrong = false): Generator<string> {
  const values: number[] = [];
  let deepest = 0;
  for (const op of operations) {
    if (op.kind === "push") values.push(op.value);
    else if (op.kind === "pop") values.pop();
    else values.push(...values.splice(-2).reverse());
    deepest = Math.max(deepest, values.length);
    if (isWrong && op.kind === "swap" && deepest > 2) values[0] = 0;
    yield values.join(" ");
  }
}

const comparison = {
  operation: (random: { below(limit: number): number }): Op => {
    const kind = (["push", "pop", "swap"] as const)[random.below(3)]!;
    return kind === "push" ? { kind, value: 1 + random.below(100) } : { kind };
  },
  reference: (operations: readonly Op[]) => stack(operations),
  submission: (operations: readonly Op[]) => stack(operations, true),
  describe: (op: Op) => (op.kind === "push" ? `push ${op.value}` : op.kind),
  simplify: (op: Op): Op[] => (op.kind === "push" && op.value > 1 ? [{ kind: "push", value: 1 }] : []),
};

describe("expectSameRuns", () => {
  it("accepts equal machines", () => {
    expect(() => expectSameRuns({ ...comparison, submission: comparison.reference })).not.toThrow();
  });

  it("finds the shortest workload on which two machines differ, in their simplest form", () => {
    const error = differenceOf(() => expectSameRuns(comparison));
    expect(error.message).toMatch(
      /\(4 operations\):\n {2}1\. push 1\n {2}2\. push 1\n {2}3\. push 1\n {2}4\. swap {3}<- here they part$/,
    );
    expect([error.got, error.wanted]).toEqual(['"0 1 1"', '"1 1 1"']);
  });

  it("finds it from any seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (seed) => {
        expect(differenceOf(() => expectSameRuns({ ...comparison, seed })).message).toContain(
          "(4 operations)",
        );
      }),
      { numRuns: 30 },
    );
  });

  it("counts an error of the submission as a difference at that operation", () => {
    const submission = function* (operations: readonly Op[]) {
      for (const op of operations) {
        if (op.kind === "pop") throw new TypeError("no pop");
        yield* stack([op]);
      }
    };
    const error = differenceOf(() =>
      expectSameRuns({ ...comparison, submission, first: [[{ kind: "pop" }]] }),
    );
    expect(error.message).toContain("(1 operation):\n  1. pop   <- here they part");
    expect(error.got).toBe("it threw TypeError: no pop");
  });

  it("lets 'not written yet' pass", () => {
    const submission = () => {
      throw new NotWrittenYet("01.3");
    };
    expect(() => expectSameRuns({ ...comparison, submission })).toThrow(NotWrittenYet);
  });
});
