import { describe, expect, it } from "vitest";
import { compare, outcomeText } from "../../lib/replay/compare.js";
import { newHost } from "../../lib/replay/kernel_host.js";

describe("compare", () => {
  it("shows the recorded kernel and the machine step by step", () => {
    const shown = compare("a02");
    const text = String(shown);
    expect(shown.differences).toEqual([]);
    expect(text).toContain("a02-write-first: recorded Linux 6.18 and this machine");
    expect(text).toMatch(
      /P touch A 0:32 w.* ok, 32 minor; P Rss 128 Pss 128 .* ok, 32 minor; P Rss 128 Pss 128 .* yes/,
    );
    expect(text).toMatch(/All \d+ values are equal/);
  });

  it("marks the steps of a machine whose kernel is wrong", () => {
    const host = newHost();
    const { parts } = host.kernel.sys;
    // a kernel that maps the zero page writable-by-copy even for a first write: two faults for each page
    const read = parts.doAnonymousPage;
    host.kernel.sys.parts = {
      ...parts,
      doAnonymousPage: (vmf) => read(Object.assign(vmf, { flags: vmf.flags & ~1 })),
    };
    const shown = compare("a02", host);
    expect(shown.differences.length).toBeGreaterThan(0);
    expect(shown.differences.some((difference) => difference.path === "minflt")).toBe(true);
    expect(String(shown)).toMatch(/values differ\. The first: a02-write-first step \d+/);
  });

  it("says errors and signals in a few words", () => {
    expect(outcomeText({ i: 0, line: "x", ok: false, err: "ENOMEM", minflt: 0, majflt: 0 })).toBe(
      "ENOMEM, 0 minor",
    );
    expect(
      outcomeText({
        i: 0,
        line: "x",
        ok: false,
        signal: "SIGSEGV",
        code: "SEGV_ACCERR",
        minflt: 1,
        majflt: 2,
      }),
    ).toBe("SIGSEGV SEGV_ACCERR, 1 minor, 2 major");
    expect(outcomeText(undefined)).toBe("(no such step)");
  });

  it("refuses a name that fits nothing", () => {
    expect(() => compare("q7")).toThrow(RangeError);
  });
});
