import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseScenario } from "../../lib/replay/parse.js";

const linux = fileURLToPath(new URL("../linux/", import.meta.url));

describe("the scenario parser", () => {
  const names = readdirSync(`${linux}scenarios`)
    .filter((name) => name.endsWith(".vms"))
    .map((name) => name.slice(0, -4));

  it("reads every recorded scenario, step for step and with the recorded checksum", () => {
    expect(names.length).toBeGreaterThan(80);
    for (const name of names) {
      const scenario = parseScenario(readFileSync(`${linux}scenarios/${name}.vms`, "utf8"), name);
      const native = JSON.parse(readFileSync(`${linux}native/${name}.json`, "utf8")) as {
        script_fnv: string;
        steps: { line: string }[];
      };
      const steps = scenario.lines.filter((line) => line.what.kind !== "mode");
      expect(scenario.scriptFnv, name).toBe(native.script_fnv);
      expect(
        steps.map((step) => step.text),
        name,
      ).toEqual(native.steps.map((step) => step.line));
    }
  });

  it("names the line and the operation it does not know", () => {
    expect(() => parseScenario("spawn P\n\nP frobnicate A 1\n")).toThrow(
      'line 3, operation "frobnicate": process P has no such operation',
    );
    expect(() => parseScenario("Q touch A 0 r")).toThrow(/line 1, operation "Q": no such operation/);
  });

  it("refuses a word that means nothing, a bad range and a missing word", () => {
    expect(() => parseScenario("spawn P\nP map A anon private 4 populat")).toThrow(
      'line 2, operation "map": "populat" is not understood here',
    );
    expect(() => parseScenario("spawn P\nP touch A 0;4 r")).toThrow(/"0;4" is not a page range/);
    expect(() => parseScenario("spawn P\nP mprotect A 0:4")).toThrow(/protection is missing/);
    expect(() => parseScenario("spawn P\nP madvise A 0:4 SOON")).toThrow(/there is no advice "SOON"/);
  });

  it("reads placements, strides and file options", () => {
    const { lines } = parseScenario(
      "spawn P\nP map B anon shared 8 at=A-3 fixed prot=none\nP touch B 6:0/-2,9 w=300\nfile F create 3 chunk=16 fs=shm # big\n",
    );
    expect(lines[1]!.what.op).toMatchObject({
      prot: "",
      place: { kind: "at", area: "A", delta: -3, fixed: true },
    });
    expect(lines[2]!.what.op).toMatchObject({
      ranges: [
        { start: 6, end: 0, step: -2 },
        { start: 9, end: 10, step: 1 },
      ],
      value: 44,
    });
    expect(lines[3]).toMatchObject({ line: 4, text: "file F create 3 chunk=16 fs=shm" });
  });
});
