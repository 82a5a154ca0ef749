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

/** A table entry in hexadecimal and decoded: `0x5067: pfn 0x5 P RW US A D`. Not in Linux: a helper of the course. */
export function asEntry(entry: bigint | number): string {
  if (typeof entry === "number" && !Number.isSafeInteger(entry)) return asValue(entry);
  if (typeof entry !== "number" && typeof entry !== "bigint") return asValue(entry);
  const bits = BigInt.asUintN(64, BigInt(entry));
  return `${hex(bits)}: ${entryText(bits)}`;
}

/** A page-fault error code, decoded: `0x7 (user write, not allowed)`. Not in Linux: a helper of the course. */
export function asErrorCode(code: number): string {
  if (!Number.isInteger(code)) return asValue(code);
  const why = code & PF_RSVD ? "reserved bit set" : code & PF_PROT ? "not allowed" : "not present";
  return `${hex(code)} (${accessText(code)}, ${why})`;
}

/** One step of a page walk: `level 2 (PD), entry 418 at 0x5d10: 0x6067: pfn 0x6 P RW US A D, table`. Not in Linux: a helper of the course. */
export function asWalkStep(step: Partial<WalkStep>): string {
  const { level = 0, index = 0, entryPa, entry, verdict } = step;
  const at = entryPa === undefined ? "" : ` at ${hex(entryPa)}`;
  const decoded = entry === undefined ? "" : `: ${asEntry(entry)}`;
  return `level ${level} (${LEVEL_NAMES[level] ?? "?"}), entry ${index}${at}${decoded}${verdict ? `, ${verdict}` : ""}`;
}

const MAX_WIDTH = 96;
const MAX_ITEMS = 24;
const MAX_DEPTH = 6;

/**
 * Any value: numbers from 4096 on also in hexadecimal, faults in words, the rest like source code. Long values are cut.
 * Not in Linux: a helper of the course.
 */
export function asValue(value: unknown, depth = 0): string {
  if (typeof value === "number") return numberText(value);
  if (typeof value === "bigint") return `${hex(value)}n`;
  if (typeof value === "string")
    return JSON.stringify(value.length > 400 ? `${value.slice(0, 400)}...` : value);
  if (typeof value === "function") return `function ${value.name || "(no name)"}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof PageFault || value instanceof AddressFault) return value.toString();
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (depth >= MAX_DEPTH) return "...";
  return objectText(value, depth);
}

function numberText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const large = Number.isSafeInteger(value) && (value >= 4096 || value <= -4096);
  return large ? `${hex(value)} (${value})` : String(value);
}

function objectText(value: object, depth: number): string {
  const [open, items, close] = itemsOf(value, depth);
  const shown =
    items.length > MAX_ITEMS ? [...items.slice(0, MAX_ITEMS), `... ${items.length - MAX_ITEMS} more`] : items;
  const flat = shown.length === 0 ? `${open}${close}` : `${open} ${shown.join(", ")} ${close}`;
  if (flat.length <= MAX_WIDTH && !flat.includes("\n")) return flat;
  const indented = shown.map((item) => `  ${item.replaceAll("\n", "\n  ")}`);
  return `${open}\n${indented.join(",\n")}\n${close}`;
}

function itemsOf(value: object, depth: number): [string, string[], string] {
  const text = (one: unknown) => asValue(one, depth + 1);
  if (Array.isArray(value)) return ["[", Array.from(value, text), "]"];
  if (ArrayBuffer.isView(value))
    return [`${value.constructor.name} [`, Array.from(value as unknown as Iterable<unknown>, text), "]"];
  if (value instanceof Map)
    return ["Map {", [...value].map(([key, item]) => `${text(key)} => ${text(item)}`), "}"];
  if (value instanceof Set) return ["Set {", [...value].map(text), "}"];
  const name = (Object.getPrototypeOf(value) as object | null)?.constructor?.name;
  const items = Object.entries(value).map(([key, item]) => `${key}: ${text(item)}`);
  return [name && name !== "Object" ? `${name} {` : "{", items, "}"];
}
