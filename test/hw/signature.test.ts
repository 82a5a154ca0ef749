import { describe, expect, it } from "vitest";
import { checkArguments, listOf, shape } from "../../lib/hw/signature.js";
import { boot, type Machine, table } from "../../lib/index.js";

// biome-ignore lint/suspicious/noExplicitAny: what a notebook without types may pass
const any = (value: unknown): any => value;
const machine = () => boot({ ram: "1 MiB" });

describe("what people get wrong", () => {
  it.each([
    [
      "a misspelt option",
      () =>
        machine()
          .spawn("a")
          .mmap(4096, any({ share: true })),
      /did you mean "shared"/,
    ],
    [
      "a number for letters",
      () =>
        machine()
          .spawn("a")
          .mmap(4096, any({ prot: 7 })),
      /prot must be text, not 7/,
    ],
    ["no options", () => boot(any(null)), /boot\(\) takes its options as an object/],
    ["an empty TLB model", () => boot({ tlb: any({}) }), /TLB model .*: name must be text, not undefined/],
    ["a number for a name", () => machine().spawn(any(5)), /machine.spawn\(\): name must be text, not 5/],
    [
      "no snapshot",
      () => machine().restore(any(undefined)),
      /snapshot must be a MachineSnapshot, not undefined/,
    ],
    ["no table", () => machine().switchMm(any(undefined)), /table must be a PageTable, not undefined/],
    ["no stream", () => machine().run(any(undefined)), /stream must be a Uint32Array, not undefined/],
    [
      "a row that is none",
      () => table(any([null]), { caption: "c" }),
      /rows, number 0 must be an object, not null/,
    ],
  ])("%s is answered with a sentence", (_, act, message) => {
    expect(act).toThrow(message);
  });

  it("a walk part that returns nothing is named, with what it must return", () => {
    const m: Machine = boot({ ram: "1 MiB", parts: { walk: any(() => undefined) } });
    m.switchMm(m.newPageTable("t"));
    expect(() => m.cpu.load(0x40_0000, 1)).toThrow(/the part walk must return .* it returned undefined/);
  });

  it("a mapPage part that returns nothing, too", () => {
    const m = boot({ ram: "1 MiB", parts: { mapPage: any(() => undefined) } });
    expect(() => m.newPageTable("t").map(0x40_0000, 5)).toThrow(
      /the part mapPage must return 0 or a negative errno/,
    );
  });

  it("a thread on a CPU that does not exist leaves no thread behind", () => {
    const m = machine();
    const process = m.spawn("a");
    const before = [...m.kernel.tasks.keys()];
    expect(() => process.thread(7)).toThrow(/cpu 7 is not one of the 1 CPUs/);
    expect([...m.kernel.tasks.keys()]).toEqual(before);
  });
});

describe("a signature", () => {
  const check = (value: unknown) =>
    checkArguments("f()", { x: listOf(shape({ a: "count", b: "text?" })) }, [value]);
  it("looks into lists and data, and lets data have more fields", () => {
    expect(() =>
      check([
        { a: 1, more: 2 },
        { a: 2, b: "b" },
      ]),
    ).not.toThrow();
    expect(() => check([{ a: 1 }, { a: -1 }])).toThrow(
      new RangeError("f(): x, number 1: a must be a whole number from 0, not -1"),
    );
    expect(() => check({})).toThrow(new TypeError("f(): x must be a list, not an empty object"));
  });
});
