import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tableIndex } from "../../lib/hw/address.js";
import { packEntry } from "../../lib/hw/entry.js";
import { linuxPaging } from "../../lib/hw/registers.js";
import { bitFields, drawAddress } from "../../lib/view/draw_address.js";
import { type Area, drawAreas } from "../../lib/view/draw_areas.js";
import { drawEntry } from "../../lib/view/draw_entry.js";
import { drawOwners, type Owner } from "../../lib/view/draw_owners.js";
import { drawProcesses } from "../../lib/view/draw_processes.js";
import { drawTimeline } from "../../lib/view/draw_timeline.js";
import { drawTlb } from "../../lib/view/draw_tlb.js";
import { drawWalk } from "../../lib/view/draw_walk.js";
import type { Picture } from "../../lib/view/picture.js";
import { JUPYTER_DISPLAY } from "../../lib/view/show.js";
import { expectWellFormed } from "./xml.js";

const nasty = `<b> & "quotes" 'too' \u0007`;
const init: Owner = { name: "init", pages: [{ va: 0x401000, pfn: 0x12, writable: false, dirty: true }] };
const child: Owner = { name: "child", pages: [{ va: 0x401000, pfn: 0x13, writable: true, dirty: true }] };
const heap: Area = {
  start: 0x405000,
  end: 0x408000,
  name: "[heap]",
  perms: "rw-p",
  pages: ["dirty", "absent", "zero"],
};
const steps = [
  { level: 4, tablePfn: 1, index: 0, entryPa: 0x1000, entry: 0x2067n, verdict: "table" },
  { level: 3, tablePfn: 2, index: 0, entryPa: 0x2000, entry: 0n, verdict: "not present" },
] as const;

/** Every drawing once, with a title of characters that need escaping where a title can be given. */
const drawings: Readonly<Record<string, () => Picture>> = {
  drawAddress: () => drawAddress(0x7fff_1234_5678, { title: nasty }),
  drawEntry: () => drawEntry(0x8000_0000_0000_5067n, { title: nasty }),
  drawWalk: () => drawWalk({ va: 0x401abc, levels: 4, rootPfn: 1, steps, verdict: nasty }, { title: nasty }),
  drawOwners: () => drawOwners({ title: nasty, owners: [init, { ...child, name: nasty }], before: [init] }),
  drawAreas: () =>
    drawAreas({
      title: nasty,
      areas: [{ ...heap, name: nasty, note: nasty }],
      pointers: [{ va: 0, label: nasty }],
    }),
  drawTlb: () =>
    drawTlb({
      title: nasty,
      sets: [[{ vpn: 1, pfn: 2, note: nasty }, null]],
      marks: [{ set: 0, way: 1, label: nasty }],
    }),
  drawProcesses: () => drawProcesses({ title: nasty, root: { pid: 1, name: nasty, pfns: [1], note: nasty } }),
  drawTimeline: () =>
    drawTimeline({ title: nasty, events: [{ atNs: 0, lane: nasty, label: nasty, kind: nasty }] }),
};

describe.each(Object.entries(drawings))("%s", (_, draw) => {
  it("is well-formed SVG in an image with an alt text, all of it escaped", () => {
    const picture = draw();
    expectWellFormed(picture.svg);
    const { "text/html": html, "text/plain": text } = picture[JUPYTER_DISPLAY]();
    expect(html).toMatch(/^<img src="data:image\/svg\+xml;base64,[\w+/=]+" alt="[^"<>]+" width="\d/);
    expect(text!.length).toBeGreaterThan(10);
    expect(picture.svg).toContain("&lt;b&gt; &amp; &quot;quotes&quot;");
    expect(picture.svg).toContain('role="img"');
  });

  it("gives the same bytes for the same data", () => {
    expect(draw().html).toBe(draw().html);
  });

  it("keeps every label inside the card", () => {
    const picture = draw();
    for (const [, x, y] of picture.svg.matchAll(/<text x="([\d.-]+)" y="([\d.-]+)"/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(x)).toBeLessThanOrEqual(picture.width);
      expect(Number(y)).toBeLessThanOrEqual(picture.height);
    }
  });
});

describe("drawAddress", () => {
  it("shows each group of bits with its number", () => {
    expect(drawAddress(0x40_1abc).toString()).toBe(
      [
        "0x0000000000401abc",
        "  sign             level 4   level 3   level 2   level 1   offset",
        "  0000000000000000 000000000 000000000 000000010 000000001 101010111100",
        "  63-48            47-39     38-30     29-21     20-12     11-0",
        "                   0         0         2         1         0xabc",
      ].join("\n"),
    );
  });

  it("cuts a 32-bit address into two indices of 10 bits", () => {
    expect(bitFields(0xc000_1234, 2).map((f) => f.value)).toEqual([768, 1, 0x234]);
  });

  it("gives a larger page a longer offset", () => {
    expect(bitFields(0x7fff_1234_5678, 4, 2).map((f) => [f.high, f.low])).toEqual([
      [63, 48],
      [47, 39],
      [38, 30],
      [29, 21],
      [20, 0],
    ]);
  });

  it("says that an address is not canonical", () => {
    expect(drawAddress(0x8000_0000_0000).svg).toContain("Not canonical: bits 63 to 48");
    expect(drawAddress(0x8000_0000_0000).toString()).toContain("not canonical");
    expect(drawAddress(-0x8000_0000_0000).toString()).not.toContain("not canonical");
  });

  it("agrees with tableIndex at every level of every address", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 47), max: 2 ** 47 - 1 }), (va) => {
        for (const { level, value } of bitFields(va))
          if (level > 0) expect(value).toBe(tableIndex(va, level));
      }),
    );
  });

  it("refuses what is not an address", () => {
    expect(() => drawAddress(1.5)).toThrow("an address is a whole number; got 1.5");
    expect(() => drawAddress(2 ** 32, { levels: 2 })).toThrow("0x100000000 does not fit in 32 bits");
  });
});

describe("drawEntry", () => {
  it("says what each bit means", () => {
    const entry = packEntry({ present: true, writable: true, dirty: true, pfn: 5, noExecute: true });
    expect(drawEntry(entry).toString()).toBe(
      [
        "entry 0x8000000000005043, level 1",
        "      0  P        1  present",
        "      1  R/W      1  writes allowed",
        "      2  U/S      0  supervisor only",
        "      3  PWT      0  cache writes back",
        "      4  PCD      0  cached",
        "      5  A        0  not used since A was cleared",
        "      6  D        1  written to (dirty)",
        "      7  PAT      0  ordinary memory type",
        "      8  G        0  leaves the TLB when CR3 is written",
        "  51-12  frame  0x5  the page is in frame 0x5",
        "     63  XD       1  no instruction fetches",
      ].join("\n"),
    );
  });

  it("reads no further than P in an entry that is not present", () => {
    expect(drawEntry(0x1234_5678_9abc_def0n).toString().split("\n")).toHaveLength(2);
  });

  it("knows that bit 7 of a level-2 entry makes it a large page", () => {
    expect(drawEntry(0x20_00e7n, { level: 2 }).alt).toContain("maps a large page itself");
    expect(drawEntry(0x5067n, { level: 2 }).alt).toContain(
      "set, but free for the kernel in an entry for a table",
    );
  });
});

describe("drawWalk", () => {
  it("marks the step at which the walk faults and the tables that were not reached", () => {
    const picture = drawWalk({ va: 0x40_1abc, levels: 4, rootPfn: 1, steps });
    expect(picture.toString()).toBe(
      [
        "walk of 0x0000000000401abc",
        "  CR3      table in frame 0x1",
        "  level 4  frame 0x1, entry 0: pfn 0x2 P RW US A D",
        "  level 3  frame 0x2, entry 0: empty  <-- not present",
        "  => page fault",
      ].join("\n"),
    );
    expect(picture.svg.match(/not reached/g)).toHaveLength(3);
  });

  it("ends in the frame of a walk that succeeds", () => {
    const leaf = {
      level: 1,
      tablePfn: 3,
      index: 1,
      entryPa: 0x3008,
      entry: 0x8067n,
      verdict: "leaf",
    } as const;
    const walk = { va: 0xc000_1abc, levels: 2, rootPfn: 3, steps: [{ ...leaf, level: 2 }, leaf], pa: 0x8abc };
    expect(drawWalk(walk).svg).toContain(">0x8abc</text>");
    expect(drawWalk(walk).svg).not.toContain("not reached");
  });

  it("refuses a number of levels that no processor has", () => {
    const paging = linuxPaging(1);
    expect(() => drawWalk({ va: 0, levels: 3, rootPfn: paging.rootPfn, steps: [] })).toThrow(
      "2, 4 or 5 levels; got 3",
    );
  });
});

describe("drawOwners", () => {
  it("lists frames with their owners, and counts mappings", () => {
    expect(drawOwners({ title: "After fork", owners: [init, { ...init, name: "child" }] }).toString()).toBe(
      [
        "After fork",
        "                           init                  child",
        "  frame 0x12    2 mappings  0x401000 read-only D  0x401000 read-only D",
      ]
        .join("\n")
        .replace("                           init", "                            init"),
    );
  });

  it("frames the cells that changed since before", () => {
    const before = [init, { ...init, name: "child" }];
    const changed = (now: readonly Owner[]) =>
      drawOwners({ title: "t", owners: now, before }).svg.match(/rx="3" stroke="#D55E00"/g)?.length ?? 0;
    expect(changed(before)).toBe(0);
    expect(changed([init, child])).toBe(2);
  });

  it("refuses more frames than an eye can follow", () => {
    const pages = Array.from({ length: 65 }, (_, i) => ({ va: i * 4096, pfn: i, writable: true }));
    expect(() => drawOwners({ title: "t", owners: [{ name: "a", pages }] })).toThrow(
      "at most 64 frames; got 65",
    );
  });
});

describe("drawAreas", () => {
  it("lists the areas as /proc/PID/maps does, with a letter for each page", () => {
    const areas = [heap, { start: 0x400000, end: 0x401000, name: "/bin/cat", perms: "r-xp" }];
    expect(drawAreas({ title: "cat", areas, pointers: [{ va: 0x406010, label: "fault" }] }).toString()).toBe(
      [
        "cat",
        "  0x400000-0x401000                 r-xp     4 KiB  /bin/cat",
        "  0x405000-0x408000                 rw-p    12 KiB  [heap]  D.0",
        "  0x406010                          <-- fault",
      ].join("\n"),
    );
  });

  it("shows the gap between two areas, and outlines the page that is pointed at", () => {
    const areas = [heap, { start: 0x400000, end: 0x401000, name: "/bin/cat", perms: "r-xp" }];
    const { svg } = drawAreas({ title: "cat", areas, pointers: [{ va: 0x406010, label: "fault" }] });
    expect(svg).toContain(">16 KiB not mapped</text>");
    expect(svg.match(/width="13" height="13" fill="[^"]+" stroke="#A33F00"/g)).toHaveLength(1);
  });

  it("refuses areas that overlap or end before they start", () => {
    const over = { start: 0x407000, end: 0x409000, name: "x" };
    expect(() => drawAreas({ title: "t", areas: [heap, over] })).toThrow(
      "areas at 0x405000 and 0x407000 overlap",
    );
    expect(() => drawAreas({ title: "t", areas: [{ start: 2, end: 1, name: "x" }] })).toThrow(
      "ends at 0x1, not after its start 0x2",
    );
  });
});

describe("drawTlb", () => {
  it("shows sets, ways and marks", () => {
    const sets = [
      [{ vpn: 0x400, pfn: 0x12, pcid: 1 }, null],
      [null, { vpn: 0x401, pfn: 0x13, global: true }],
    ];
    expect(drawTlb({ title: "TLB", sets, marks: [{ set: 1, way: 1, label: "hit" }] }).toString()).toBe(
      ["TLB", "  set 0  0x400->0x12 pcid 1  -", "  set 1  -                   0x401->0x13 global <hit>"].join(
        "\n",
      ),
    );
  });

  it("leaves out the empty sets of a large TLB and says so", () => {
    const sets = Array.from({ length: 128 }, (_, i) => [i === 77 ? { vpn: 77, pfn: 1 } : null]);
    expect(drawTlb({ title: "TLB", sets }).toString()).toBe(
      "TLB\n  set 77  0x4d->0x1\n  127 empty sets are not shown",
    );
  });

  it("refuses sets of unequal size", () => {
    expect(() => drawTlb({ title: "t", sets: [[null], [null, null]] })).toThrow(
      "set 1 has 2 ways, set 0 has 1",
    );
  });
});

describe("drawProcesses", () => {
  it("shows the tree, and which frames are shared", () => {
    const root = {
      pid: 1,
      name: "init",
      pfns: [0x12],
      children: [{ pid: 2, name: "sh", pfns: [0x12, 0x20], note: "wrote" }],
    };
    const picture = drawProcesses({ title: "fork", root });
    expect(picture.toString()).toBe(
      ["fork", "  1 init: 0x12 (shared by 2)", "    2 sh [wrote]: 0x12 (shared by 2), 0x20"].join("\n"),
    );
  });

  it("keeps siblings apart", () => {
    const children = [2, 3, 4].map((pid) => ({ pid, name: "worker", pfns: [1, 2, 3, 4, 5] }));
    const { svg } = drawProcesses({ title: "t", root: { pid: 1, name: "init", children } });
    const boxes = [
      ...svg.matchAll(
        /<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="[\d.]+" fill="#F2F4F7" rx="4"/g,
      ),
    ];
    const [, a, b, c] = boxes.map((m) => ({ left: Number(m[1]), right: Number(m[1]) + Number(m[2]) }));
    expect(a!.right).toBeLessThan(b!.left);
    expect(b!.right).toBeLessThan(c!.left);
  });
});

describe("drawTimeline", () => {
  const events = [
    { atNs: 0, endNs: 1000, lane: "CPU 0", label: "fault" },
    { atNs: 500, lane: "CPU 1", label: "IPI" },
    { atNs: 510, lane: "CPU 1", label: "flush" },
  ];

  it("lists the events in order of time", () => {
    expect(drawTimeline({ title: "t", events: [...events].reverse() }).toString()).toBe(
      [
        "t",
        "  0 ns to 1 µs  CPU 0  fault",
        "        500 ns  CPU 1  IPI",
        "        510 ns  CPU 1  flush",
      ].join("\n"),
    );
  });

  it("makes a bar as long as its time, and puts labels that would touch on two rows", () => {
    const { svg } = drawTimeline({ title: "t", events });
    const ticks = [...svg.matchAll(/<line x1="([\d.]+)"[^>]+stroke-dasharray="2 4"/g)].map((m) =>
      Number(m[1]),
    );
    const bar = /<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="11"/.exec(svg)!;
    expect(Number(bar[1])).toBeCloseTo(ticks[0]!, 1);
    expect(Number(bar[1]) + Number(bar[2])).toBeCloseTo(ticks[ticks.length - 1]!, 1);
    const y = (text: string) =>
      Number(new RegExp(`y="([\\d.]+)" font-size="11"[^>]*>${text}<`).exec(svg)![1]);
    expect(y("flush") - y("IPI")).toBe(32);
  });

  it("refuses time that runs backwards, and an empty list", () => {
    expect(() => drawTimeline({ title: "t", events: [{ ...events[0]!, endNs: -1 }] })).toThrow(
      '"fault" ends at -1, before it starts at 0',
    );
    expect(() => drawTimeline({ title: "t", events: [] })).toThrow("at least one event");
  });
});
