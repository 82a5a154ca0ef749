/**
 * Draw an address: which of its bits choose an entry at which level, and which are the offset.
 *
 *    sign             level 4     level 3     level 2     level 1     offset
 *    0000000000000000 000000000 | 000000000 | 000000010 | 000000001 | 101010111100
 *    63            48 47     39   38     30   29     21   20     12   11         0
 *                     0           0           2           1           0xabc
 *
 * Works for 2 levels (32 bits), 4 and 5 levels, and for larger pages, whose offset takes the bits of the
 * levels that they leave out.
 * Read next: draw_walk.ts (what the entries lead to).
 */

import type { Vaddr } from "../hw/address.js";
import { hex, isCanonical } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Picture } from "./picture.js";
import { formatNumber } from "./scale.js";
import { INK, label, rect, textWidth, wrap } from "./svg.js";

export interface AddressOptions {
  /** Levels of page tables: 2 is 32-bit paging. 4 unless given. */
  readonly levels?: 2 | 4 | 5;
  /** Level of the entry that maps the page: 1 for 4 KiB, 2 for 2 MiB (4 MiB with 2 levels), 3 for 1 GiB. */
  readonly leafLevel?: 1 | 2 | 3;
  readonly title?: string;
}

/**
 * One group of bits, `high` down to `low`. `level` is 0 for the offset and -1 for the bits that nothing
 * translates.
 */
interface BitField {
  readonly level: number;
  readonly high: number;
  readonly low: number;
  readonly bits: string;
  readonly value: number;
}

/** The colour of each level, the same in every picture; index 0 is the offset. */
export const LEVEL_COLOURS: readonly string[] = [
  "#E3E6EA",
  "#BFE3F7",
  "#FBE3B0",
  "#BFE5D6",
  "#EED3E2",
  "#F7CDB0",
];

/** The processor manual's and Linux's names of the tables, by level. */
export function tableName(level: number, levels: number): string {
  if (levels === 2) return level === 2 ? "page directory" : "page table";
  return ["", "PT (pte)", "PD (pmd)", "PDPT (pud)", levels === 5 ? "PML4 (p4d)" : "PML4 (pgd)", "PML5 (pgd)"][
    level
  ]!;
}

/** The groups of bits of `va`, highest first. */
export function bitFields(va: Vaddr, levels: 2 | 4 | 5 = 4, leafLevel = 1): BitField[] {
  const width = levels === 2 ? 32 : 64;
  if (!Number.isSafeInteger(va)) throw new RangeError(`an address is a whole number; got ${va}`);
  if (levels === 2 && (va < 0 || va >= 2 ** 32)) throw new RangeError(`${hex(va)} does not fit in 32 bits`);
  if (leafLevel < 1 || leafLevel > Math.min(3, levels))
    throw new RangeError(`no page is mapped at level ${leafLevel}`);
  const all = BigInt.asUintN(width, BigInt(va)).toString(2).padStart(width, "0");
  const perLevel = levels === 2 ? 10 : 9;
  const lowOf = (level: number) => 12 + (level - 1) * perLevel;
  const field = (level: number, high: number, low: number): BitField => {
    const bits = all.slice(width - 1 - high, width - low);
    return { level, high, low, bits, value: Number.parseInt(bits, 2) };
  };
  const fields = levels === 2 ? [] : [field(-1, 63, lowOf(levels + 1))];
  for (let level = levels as number; level >= leafLevel; level--)
    fields.push(field(level, lowOf(level + 1) - 1, lowOf(level)));
  fields.push(field(0, lowOf(leafLevel) - 1, 0));
  return fields;
}

/** "level 3", "offset" or "sign". */
function nameOf(field: BitField): string {
  return field.level > 0 ? `level ${field.level}` : field.level === 0 ? "offset" : "sign";
}

/**
 * A picture of the bits of `va`: `drawAddress(0x7fff_1234_5678)`, `drawAddress(0xc000_1000, { levels: 2 })`.
 */
export function drawAddress(va: Vaddr, options: AddressOptions = {}): Picture {
  checkArguments(
    "drawAddress()",
    { va: "number", options: { levels: "levels", leafLevel: "page level", title: "text" } },
    [va, options],
  );
  const { levels = 4, leafLevel = 1 } = options;
  const fields = bitFields(va, levels, leafLevel);
  const canonical = levels === 2 || isCanonical(va, levels);
  const address = hex(va, levels === 2 ? 8 : 16);
  const title = options.title ?? `The bits of ${address}`;
  const widths = fields.map((f) =>
    Math.max(f.bits.length * 8.6 + 14, textWidth(second(f, levels), 11) + 8, 70),
  );
  const width = Math.max(widths.reduce((a, b) => a + b + 4, 0) + 28, textWidth(title, 16) * 1.1 + 32, 420);
  const notes = wrap(sentence(fields, canonical, levels), width - 32, 12);
  const body = [label(16, 28, title, { size: 16, bold: true })];
  let x = 16;
  fields.forEach((field, i) => {
    body.push(...fieldMarkup(field, x, widths[i]!, levels, canonical));
    x += widths[i]! + 4;
  });
  notes.forEach((text, i) => {
    body.push(label(16, 172 + i * 17, text, { size: 12, fill: canonical ? INK.faint : INK.alarm }));
  });
  const desc = `${address}: ${fields.map((f) => `${nameOf(f)} ${shown(f)}`).join(", ")}.`;
  return new Picture(
    { width, height: 180 + notes.length * 17, title, desc },
    body,
    addressText(fields, address, canonical),
  );
}

function second(field: BitField, levels: number): string {
  if (field.level > 0) return tableName(field.level, levels);
  return field.level === 0 ? "inside the page" : `copies of bit ${field.low - 1}`;
}

function shown(field: BitField): string {
  return field.level === 0 ? hex(field.value) : field.level < 0 ? field.bits : String(field.value);
}

function fieldMarkup(
  field: BitField,
  x: number,
  width: number,
  levels: number,
  canonical: boolean,
): string[] {
  const middle = x + width / 2;
  const wrong = field.level < 0 && !canonical;
  const fill = wrong ? "#FFFFFF" : field.level < 0 ? INK.fill : LEVEL_COLOURS[field.level]!;
  const stroke = wrong ? INK.alarm : "#9AA3AD";
  const centre = { anchor: "middle" } as const;
  return [
    label(middle, 56, nameOf(field), { size: 13, bold: true, ...centre }),
    label(middle, 72, second(field, levels), { size: 11, fill: INK.faint, ...centre }),
    rect(x, 80, width, 30, { fill, stroke, rx: 3, "stroke-width": wrong ? 2 : 1 }),
    label(middle, 100, field.bits, { size: 14, mono: true, ...centre }),
    label(x + 3, 125, String(field.high), { size: 11, fill: INK.faint }),
    label(x + width - 3, 125, String(field.low), { size: 11, fill: INK.faint, anchor: "end" }),
    ...(field.level < 0
      ? []
      : [label(middle, 146, shown(field), { size: 16, bold: true, mono: true, ...centre })]),
  ];
}

function sentence(fields: readonly BitField[], canonical: boolean, levels: number): string {
  if (!canonical) {
    return `Not canonical: bits 63 to ${levels === 5 ? 57 : 48} must all equal bit ${levels === 5 ? 56 : 47}, so the processor refuses this address.`;
  }
  const path = fields.filter((f) => f.level > 0).map((f) => f.value);
  const offset = fields[fields.length - 1]!;
  return `Entry ${path.join(", then entry ")}; then byte ${formatNumber(offset.value)} of a page of ${pageText(offset.high + 1)}.`;
}

function pageText(bits: number): string {
  return bits >= 30
    ? `${2 ** (bits - 30)} GiB`
    : bits >= 20
      ? `${2 ** (bits - 20)} MiB`
      : `${2 ** (bits - 10)} KiB`;
}

function addressText(fields: readonly BitField[], address: string, canonical: boolean): string {
  const width = (f: BitField) => Math.max(f.bits.length, nameOf(f).length);
  const row = (cell: (f: BitField) => string) =>
    `  ${fields.map((f) => cell(f).padEnd(width(f))).join(" ")}`.trimEnd();
  return [
    address + (canonical ? "" : "  not canonical"),
    row(nameOf),
    row((f) => f.bits),
    row((f) => `${f.high}-${f.low}`),
    row((f) => (f.level < 0 ? "" : shown(f))),
  ].join("\n");
}
