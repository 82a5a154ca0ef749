/**
 * Draw a swap entry: the 64 bits of an entry whose page is in swap, and what each of them says.
 *
 *    63-59 |         58-9           | 8 | 7 | 6-4 | 3 | 2 | 1 | 0
 *     type |   offset, inverted     | G | - |  -  | E | F | S | P
 *        0 |  0x3fffffffffffe       | 0 | 0 |  0  | 1 | 0 | 0 | 0        page 1 of swap area 0
 *
 * The processor looks at P only, and faults. All the rest is the kernel's own note to itself: which area,
 * which page of it, and what it must not forget until the page is back. The offset's bits are inverted so
 * that the address that a careless processor would guess from the entry is one that no memory has (L1TF).
 *
 * Not in Linux. Read first: draw_entry.ts, ../mm/pgtable/swapops.ts. Read next: draw_swap_map.ts.
 */
import { hex } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import {
  MAX_SWAPFILES,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_WRITE,
  SWP_PTE_MARKER,
} from "../mm/pgtable/swapops.js";
import { Picture } from "./picture.js";
import { INK, label, line, rect } from "./svg.js";

/** What may be said about the picture of a swap entry. */
export interface SwapEntryOptions {
  readonly title?: string;
}

/** A swap entry taken apart, as the processor's format has it. Linux arch/x86/include/asm/pgtable_64.h */
interface SwapEntryFields {
  /** Bits 63 to 59: the swap area, or another kind of note. Linux __swp_type() */
  readonly type: number;
  /** Bits 58 to 9 as they stand there. */
  readonly stored: bigint;
  /** The same inverted: page of the area. Linux __swp_offset() */
  readonly offset: bigint;
  /** Bit 3: the page belonged to this address space alone. Linux _PAGE_SWP_EXCLUSIVE */
  readonly exclusive: boolean;
  /** Bit 2: watched by userfaultfd. Linux _PAGE_SWP_UFFD_WP */
  readonly uffdWp: boolean;
  /** Bit 1: written since somebody asked. Linux _PAGE_SWP_SOFT_DIRTY */
  readonly softDirty: boolean;
}

const OFFSET_MASK = (1n << 50n) - 1n;

/**
 * Takes a raw entry apart that is neither present nor empty; RangeError for one that is. Linux
 * pte_to_swp_entry(), and the flags beside it
 */
export function swapEntryFields(entry: bigint): SwapEntryFields {
  const value = BigInt.asUintN(64, entry);
  if (value === 0n) throw new RangeError("entry 0 is empty: it says nothing of swap");
  if ((value & 0x101n) !== 0n)
    throw new RangeError(`entry ${hex(value, 16)} names a frame, not a place in swap: bit 0 or bit 8 is set`);
  const stored = (value >> 9n) & OFFSET_MASK;
  return {
    type: Number(value >> 59n),
    stored,
    offset: stored ^ OFFSET_MASK,
    exclusive: (value & 8n) !== 0n,
    uffdWp: (value & 4n) !== 0n,
    softDirty: (value & 2n) !== 0n,
  };
}

/** A box of the strip. */
interface Part {
  readonly bits: string;
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
  readonly width: number;
  readonly fill: string;
  readonly set: boolean;
}

const COLOURS = { type: "#FBE3B0", offset: "#BFE3F7" } as const;
const ON = "#0072B2";

/**
 * A picture of `entry`, a whole 64-bit entry as `Ram` and the walk report it:
 * `drawSwapEntry(0x07fffffffffffc08n)`. RangeError for an entry that is empty or names a frame.
 * Not in Linux: /proc/PID/pagemap shows type and offset.
 */
export function drawSwapEntry(entry: bigint | number, options: SwapEntryOptions = {}): Picture {
  checkArguments("drawSwapEntry()", { entry: "value", options: { title: "text" } }, [entry, options]);
  const value = BigInt.asUintN(64, BigInt(entry));
  const fields = swapEntryFields(value);
  const parts = partsOf(fields, value);
  const place = placeText(fields);
  const title = options.title ?? `Entry ${hex(value, 16)}: ${place}`;
  const body = [label(16, 28, title, { size: 16, bold: true }), ...swapEntryStrip(value, 16, 44)];
  const listed = parts.filter(({ meaning }) => meaning !== "");
  listed.forEach(({ bits, name, meaning, set }, i) => {
    const y = 126 + i * 20;
    body.push(
      label(16, y, bits, { size: 12, mono: true, fill: INK.faint }),
      label(72, y, name, { size: 12, bold: set }),
      label(192, y, meaning, { size: 12 }),
    );
  });
  const told = listed.map(
    ({ bits, name, value: bit, meaning }) => `  ${bits.padEnd(6)}${name.padEnd(17)}${bit}  ${meaning}`,
  );
  const desc = `${hex(value, 16)}: ${listed.map(({ name, meaning }) => `${name}: ${meaning}`).join("; ")}.`;
  return new Picture(
    { width: 736, height: 126 + listed.length * 20, title, desc },
    body,
    [`entry ${hex(value, 16)}: ${place}`, ...told].join("\n"),
  );
}

/** The row of boxes, 704 pixels wide; for drawings that show an entry beside other things. */
export function swapEntryStrip(entry: bigint, left: number, top: number): string[] {
  let x = left;
  const out = partsOf(swapEntryFields(entry), entry).flatMap(({ bits, name, value, width, fill, set }) => {
    const middle = x + width / 2;
    const boxes = [
      label(middle, top + 10, bits, { size: 11, anchor: "middle", fill: INK.faint }),
      rect(x, top + 16, width, 26, { fill, stroke: "#9AA3AD" }),
      label(middle, top + 34, value, {
        ...{ size: 13, mono: true, anchor: "middle" as const, bold: set },
        fill: fill === ON ? INK.card : INK.text,
      }),
      label(middle, top + 56, name, { size: 11, anchor: "middle", bold: set }),
    ];
    x += width;
    return boxes;
  });
  return [...out, line(left, top + 66, left + 704, top + 66, { stroke: INK.grid })];
}

/** "page 1 of swap area 0", or whose note it is. */
export function placeText({ type, offset }: SwapEntryFields): string {
  if (type < MAX_SWAPFILES) return `page ${offset} of swap area ${type}`;
  if (type === SWP_PTE_MARKER) return `a marker, ${hex(offset)}`;
  if (type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE) return `frame ${hex(offset)} is being moved`;
  return `a note of kind ${type}`;
}

function bit(bits: string, name: string, set: boolean, meaning: string, width = 48): Part {
  return { bits, name, value: set ? "1" : "0", meaning, width, fill: set ? ON : INK.card, set };
}

function partsOf(fields: SwapEntryFields, entry: bigint): Part[] {
  const { type, stored, offset, exclusive, uffdWp, softDirty } = fields;
  const area =
    type < MAX_SWAPFILES ? `swap area ${type} of ${MAX_SWAPFILES} that there can be` : placeText(fields);
  const unused = (entry >> 4n) & 7n;
  return [
    {
      bits: "63-59",
      name: "type",
      value: String(type),
      meaning: area,
      width: 64,
      fill: COLOURS.type,
      set: true,
    },
    {
      ...{ bits: "58-9", name: "offset, inverted", value: hex(stored, 13), width: 280 },
      ...{
        meaning: `not ${hex(stored, 13)} is ${offset}: page ${offset} of the area`,
        fill: COLOURS.offset,
        set: true,
      },
    },
    bit("8", "G", false, "clear; if it were set: PROT_NONE, a frame that nobody may touch"),
    bit("7", "unused", (entry & 0x80n) !== 0n, "", 56),
    { ...bit("6-4", "unused", unused !== 0n, "", 64), value: String(unused) },
    bit(
      "3",
      "E",
      exclusive,
      exclusive
        ? "exclusive: only this process had the page"
        : "others may have the page, too: copy before a write",
    ),
    bit("2", "F", uffdWp, uffdWp ? "userfaultfd watches writes" : ""),
    bit("1", "S", softDirty, softDirty ? "soft-dirty: written since somebody asked" : ""),
    bit("0", "P", false, "not present: the processor faults and reads no further"),
  ];
}
