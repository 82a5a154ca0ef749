/**
 * Values in the learner's terms: how an address, an entry, an error code or any result is written in a grade.
 */

import { hex, tableIndex } from "../../hw/address.js";
import { entryText } from "../../hw/entry.js";
import { AddressFault, accessText, PageFault, PF_PROT, PF_RSVD } from "../../hw/fault.js";
import type { WalkStep } from "../../hw/translation.js";

/** Writes a value for people. */
export type AsText = (value: never) => string;

const LEVEL_NAMES = ["", "PT", "PD", "PDPT", "PML4", "PML5"];

/**
 * A virtual address in hexadecimal, and below it bit by bit as `levels` levels divide it:
 *
 *     0x7f1234567abc
 *     011111110 001001000 110100010 101100111 | 101010111100
 *     PML4 254  PDPT 72   PD 418    PT 359    | offset 0xabc
 *
 * Not in Linux: a helper of the course.
 */
export function asAddress(va: number, levels = 4): string {
  if (!Number.isSafeInteger(va)) return asValue(va);
  const offset = ((va % 4096) + 4096) % 4096;
  const columns: (readonly [string, string])[] = [];
  for (let level = levels; level >= 1; level--) {
    const index = tableIndex(va, level);
    columns.push([index.toString(2).padStart(9, "0"), `${LEVEL_NAMES[level]} ${index}`]);
  }
  const row = (which: 0 | 1) => columns.map((column) => column[which].padEnd(9)).join(" ");
  return `${hex(va)}\n${row(0)} | ${offset.toString(2).padStart(12, "0")}\n${row(1)} | offset ${hex(offset)}`;
}

/**
 * A table entry in hexadecimal and decoded: `0x5067: pfn 0x5 P RW US A D`.
 * Not in Linux: a helper of the course.
 */
export function asEntry(entry: bigint | number): string {
  if (typeof entry === "number" && !Number.isSafeInteger(entry)) return asValue(entry);
  if (typeof entry !== "number" && typeof entry !== "bigint") return asValue(entry);
  const bits = BigInt.asUintN(64, BigInt(entry));
  return `${hex(bits)}: ${entryText(bits)}`;
}

/**
 * A page-fault error code, decoded: `0x7 (user write, not allowed)`. Not in Linux: a helper of the course.
 */
export function asErrorCode(code: number): string {
  if (!Number.isInteger(code)) return asValue(code);
  const why = code & PF_RSVD ? "reserved bit set" : code & PF_PROT ? "not allowed" : "not present";
  return `${hex(code)} (${accessText(code)}, ${why})`;
}

/**
 * One step of a page walk: `level 2 (PD), entry 418 at 0x5d10: 0x6067: pfn 0x6 P RW US A D, table`.
 * Not in Linux: a helper of the course.
 */
export function asWalkStep(step: Partial<WalkStep>): string {
  const { level = 0, index = 0, entryPa, entry, verdict } = step;
  const at = entryPa === undefined ? "" : ` at ${hex(entryPa)}`;
  const decoded = entry === undefined ? "" : `: ${asEntry(entry)}`;
  return `level ${level} (${LEVEL_NAMES[level] ?? "?"}), entry ${index}${at}${decoded}${verdict ? `, ${verdict}` : ""}`;
}

const MAX_WIDTH = 96;
const MAX_ITEMS = 24;
const MAX_DEPTH = 6;

/** How many things one value may be written as; a list of lists of lists has no end. */
const MAX_PARTS = 400;
const MAX_STRING = 400;

/** Counts what has been written of one value. */
interface Left {
  parts: number;
}

/**
 * Any value: numbers from 4096 on also in hexadecimal, faults in words, the rest like source code. Long
 * values are cut, before they are looked through. Not in Linux: a helper of the course.
 */
export function asValue(value: unknown, depth = 0): string {
  return valueAsText(value, depth, { parts: MAX_PARTS });
}

function valueAsText(value: unknown, depth: number, left: Left): string {
  if (left.parts-- <= 0) return "...";
  if (typeof value === "number") return numberText(value);
  if (typeof value === "bigint") return `${short(hex(value))}n`;
  if (typeof value === "string") return JSON.stringify(short(value));
  if (typeof value === "function") return `function ${short(String(value.name)) || "(no name)"}`;
  if (typeof value !== "object" || value === null) return short(String(value));
  if (value instanceof PageFault || value instanceof AddressFault) return value.toString();
  if (value instanceof Error) return short(`${value.name}: ${value.message}`);
  if (depth >= MAX_DEPTH) return "...";
  return objectText(value, depth, left);
}

function short(text: string): string {
  return text.length > MAX_STRING ? `${text.slice(0, MAX_STRING)}...` : text;
}

function numberText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const large = Number.isSafeInteger(value) && (value >= 4096 || value <= -4096);
  return large ? `${hex(value)} (${value})` : String(value);
}

function objectText(value: object, depth: number, left: Left): string {
  const { open, items, more, close } = itemsOf(value, (one) => valueAsText(one, depth + 1, left));
  const shown = more > 0 ? [...items, `... ${more} more`] : items;
  const flat = shown.length === 0 ? `${open}${close}` : `${open} ${shown.join(", ")} ${close}`;
  if (flat.length <= MAX_WIDTH && !flat.includes("\n")) return flat;
  const indented = shown.map((item) => `  ${item.replaceAll("\n", "\n  ")}`);
  return `${open}\n${indented.join(",\n")}\n${close}`;
}

/** The first of the things in an object, as texts, and how many there are besides. */
interface Items {
  open: string;
  items: string[];
  more: number;
  close: string;
}

function itemsOf(value: object, text: (one: unknown) => string): Items {
  const first = <T>(
    all: Iterable<T>,
    size: number,
    write: (one: T) => string,
  ): Pick<Items, "items" | "more"> => {
    const items: string[] = [];
    for (const one of all) {
      if (items.length === MAX_ITEMS) break;
      items.push(write(one));
    }
    return { items, more: size - items.length };
  };
  if (Array.isArray(value)) return { open: "[", ...first(value, value.length, text), close: "]" };
  if (ArrayBuffer.isView(value)) {
    const { length = 0 } = value as unknown as ArrayLike<unknown>;
    const elements = value instanceof DataView ? [] : (value as unknown as Iterable<unknown>);
    return { open: `${value.constructor.name} [`, ...first(elements, length, text), close: "]" };
  }
  if (value instanceof Map) {
    const pair = ([key, item]: [unknown, unknown]) => `${text(key)} => ${text(item)}`;
    return { open: "Map {", ...first(value, value.size, pair), close: "}" };
  }
  if (value instanceof Set) return { open: "Set {", ...first(value, value.size, text), close: "}" };
  const name = (Object.getPrototypeOf(value) as object | null)?.constructor?.name;
  const keys = Object.keys(value);
  const field = (key: string) => `${short(key)}: ${text((value as Record<string, unknown>)[key])}`;
  const open = name && name !== "Object" ? `${short(String(name))} {` : "{";
  return { open, ...first(keys, keys.length, field), close: "}" };
}

const MAX_SMALL = 2000;

/**
 * Whether `value` is made of few things, all of them short: small enough to be looked through by anybody.
 * Not in Linux: a helper of the course.
 */
export function isSmall(value: unknown): boolean {
  const open: unknown[] = [value];
  let seen = 0;
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one === "string" && one.length > MAX_SMALL) return false;
    if (++seen > MAX_SMALL) return false;
    if (typeof one !== "object" || one === null) continue;
    if (ArrayBuffer.isView(one) && one.byteLength > MAX_SMALL) return false;
    if (one instanceof Map || one instanceof Set) {
      if (one.size > MAX_SMALL) return false;
      open.push(...one.keys(), ...one.values());
    }
    const keys = Object.keys(one);
    if (keys.length > MAX_SMALL || keys.some((key) => key.length > MAX_SMALL)) return false;
    for (const key of keys) open.push((one as Record<string, unknown>)[key]);
  }
  return true;
}
