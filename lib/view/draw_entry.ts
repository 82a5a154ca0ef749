/**
 * Draw an entry: the 64 bits of one page-table entry, and what each of them says.
 *
 *    XD | 62-52 |        frame        | 11-9 | G | PS | D | A | PCD | PWT | U/S | R/W | P
 *     1 |     0 |         0x5         |    0 | 0 |  0 | 1 | 1 |   0 |   0 |   1 |   1 | 1
 *
 * A bit that is set is filled. When P is clear the processor looks at nothing else, and the picture says so.
 * Read first: hw/entry.ts.
 */

import { hex } from "../hw/address.js";
import { isLeaf, unpackEntry } from "../hw/entry.js";
import { checkArguments } from "../hw/signature.js";
import { Picture } from "./picture.js";
import { INK, label, line, rect } from "./svg.js";

export interface EntryOptions {
  /**
   * Level of the table the entry lies in: bit 7, D and G mean other things in other levels. 1 unless given.
   */
  readonly level?: number;
  readonly title?: string;
}

interface Part {
  readonly bits: string;
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
  readonly set: boolean;
}

/**
 * A picture of `entry`, a whole 64-bit entry as `Ram` and the walk report it:
 * `drawEntry(0x8000000000005067n)`.
 */
export function drawEntry(entry: bigint | number, options: EntryOptions = {}): Picture {
  checkArguments("drawEntry()", { entry: "value", options: { level: "level", title: "text" } }, [
    entry,
    options,
  ]);
  const level = options.level ?? 1;
  const value = BigInt.asUintN(64, BigInt(entry));
  const parts = partsOf(value, level);
  const title = options.title ?? `Entry ${hex(value, 16)} in a level-${level} table`;
  const present = (value & 1n) !== 0n;
  const body = [label(16, 28, title, { size: 16, bold: true }), ...strip(parts, present)];
  const listed = parts.filter((p) => p.meaning !== "" && (present || p.name === "P")).reverse();
  const half = Math.max(1, Math.ceil(listed.length / 2));
  listed.forEach((part, i) => {
    const [x, y] = [i < half ? 16 : 376, 134 + (i % half) * 20];
    body.push(
      label(x, y, part.name, { size: 12, mono: true, bold: true }),
      label(x + 56, y, part.name === "frame" ? "" : part.value, {
        size: 12,
        mono: true,
        anchor: "middle",
        bold: part.set,
      }),
      label(x + 72, y, part.meaning, { size: 12 }),
    );
  });
  const desc = `${hex(value, 16)}: ${listed
    .filter((p) => p.set || p.name === "P")
    .map((p) => p.meaning)
    .join("; ")}.`;
  return new Picture(
    { width: 736, height: 134 + half * 20 + 4, title, desc },
    body,
    entryLines(value, level, listed),
  );
}

const WIDTHS: Readonly<Record<string, number>> = { frame: 176, "62-52": 54, "11-9": 44 };

/** The row of boxes, highest bit first. */
function strip(parts: readonly Part[], present: boolean): string[] {
  const out: string[] = [];
  let x = 16;
  for (const part of parts) {
    const width = WIDTHS[part.name] ?? 43;
    const on = part.set && (present || part.name === "P");
    const fill = part.name === "frame" ? (present ? "#BFE3F7" : INK.fill) : on ? "#0072B2" : INK.card;
    const ink = part.name === "frame" || !on ? INK.text : INK.card;
    out.push(
      label(x + width / 2, 56, part.bits, { size: 11, anchor: "middle", fill: INK.faint }),
      rect(x, 62, width, 26, { fill, stroke: "#9AA3AD" }),
      label(x + width / 2, 80, part.value, { size: 13, mono: true, anchor: "middle", bold: on, fill: ink }),
      label(x + width / 2, 104, part.name, { size: 11, anchor: "middle", bold: on }),
    );
    x += width;
  }
  out.push(line(16, 114, 720, 114, { stroke: INK.grid }));
  return out;
}

/** What a bit says when set and when clear: D and G count only in an entry that maps a page. */
const DIRTY: readonly [string, string] = ["written to (dirty)", "not written to (clean)"];
const GLOBAL: readonly [string, string] = [
  "stays in the TLB when CR3 is written",
  "leaves the TLB when CR3 is written",
];
const UNUSED: readonly [string, string] = [
  "set, but free for the kernel in an entry for a table",
  "not used in an entry for a table",
];

function partsOf(entry: bigint, level: number): Part[] {
  const f = unpackEntry(entry);
  const leaf = isLeaf(entry, level);
  const flag = (bit: number, name: string, set: boolean, yes: string, no: string): Part => ({
    bits: String(bit),
    name,
    value: set ? "1" : "0",
    meaning: set ? yes : no,
    set,
  });
  const highBits = Number((entry >> 52n) & 0x7ffn);
  const bit7: [string, string, string] =
    level === 1
      ? ["PAT", "memory type from the PAT's upper half", "ordinary memory type"]
      : ["PS", "maps a large page itself", "points to a table"];
  return [
    flag(63, "XD", f.noExecute, "no instruction fetches", "instructions may be fetched"),
    {
      bits: "62-52",
      name: "62-52",
      value: hex(highBits),
      meaning: highBits ? "for the kernel, protection key" : "",
      set: highBits !== 0,
    },
    {
      bits: "51-12",
      name: "frame",
      value: hex(f.pfn),
      meaning: `${leaf ? "the page" : "the next table"} is in frame ${hex(f.pfn)}`,
      set: f.pfn !== 0,
    },
    {
      bits: "11-9",
      name: "11-9",
      value: String(f.software),
      meaning: f.software ? "for the kernel" : "",
      set: f.software !== 0,
    },
    flag(8, "G", f.global, ...(leaf ? GLOBAL : UNUSED)),
    flag(7, bit7[0], f.pageSize, bit7[1], bit7[2]),
    flag(6, "D", f.dirty, ...(leaf ? DIRTY : UNUSED)),
    flag(5, "A", f.accessed, "used by a translation (accessed)", "not used since A was cleared"),
    flag(4, "PCD", f.cacheDisable, "not cached", "cached"),
    flag(3, "PWT", f.writeThrough, "cache writes through", "cache writes back"),
    flag(2, "U/S", f.user, "user mode may use it", "supervisor only"),
    flag(1, "R/W", f.writable, "writes allowed", "read-only"),
    flag(
      0,
      "P",
      f.present,
      "present",
      "not present: the processor reads no further, the other 63 bits are the kernel's own",
    ),
  ];
}

function entryLines(entry: bigint, level: number, parts: readonly Part[]): string {
  const bits = Math.max(...parts.map((p) => p.bits.length));
  const values = Math.max(...parts.map((p) => p.value.length));
  const rows = parts.map(
    (p) => `  ${p.bits.padStart(bits)}  ${p.name.padEnd(5)}  ${p.value.padStart(values)}  ${p.meaning}`,
  );
  return [`entry ${hex(entry, 16)}, level ${level}`, ...rows].join("\n");
}
