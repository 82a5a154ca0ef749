/**
 * Sizes: "16 MiB" to bytes and back.
 *
 *   "16 MiB"  ->  16 * 2^20  ->  16777216
 *
 * Units are the binary ones of IEC 80000-13 (KiB = 1024 bytes, MiB, GiB, TiB). "MB" is refused: it means 10^6
 * bytes in one book and 2^20 in the next, and Linux itself writes kB for 1024 bytes in /proc.
 */
import { valueText } from "./options.js";
import { checkArguments } from "./signature.js";

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Bytes meant by `size`: a number of bytes, or text such as "16 MiB", "4096", "1.5 GiB".
 * RangeError when it is not a whole number of bytes, or the unit is unknown. Linux lib/cmdline.c:memparse()
 */
export function parseSize(size: string | number, what = "size"): number {
  if (typeof size !== "number" && typeof size !== "string")
    throw new TypeError(`${what} is a number of bytes or a text such as "16 MiB", not ${valueText(size)}`);
  const sizeBytes = typeof size === "number" ? size : parseText(size, what);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw new RangeError(`${what} ${valueText(size)} is not a whole number of bytes`);
  return sizeBytes;
}

function parseText(text: string, what: string): number {
  const match = /^\s*([0-9]+(?:\.[0-9]+)?|0x[0-9a-fA-F]+)\s*([A-Za-z]*)\s*$/.exec(text);
  if (match === null) throw new RangeError(`${what} "${text}" is not a size; write it like "16 MiB"`);
  const unit = match[2] === "" ? "B" : match[2]!;
  const factor = UNITS[unit];
  if (factor === undefined)
    throw new RangeError(`${what} "${text}" has the unknown unit "${unit}"; use B, KiB, MiB, GiB or TiB`);
  return Number(match[1]) * factor;
}

/**
 * `sizeBytes` in the largest binary unit that leaves at most two digits after the point: "16 MiB", "1.5 GiB".
 */
export function formatSize(sizeBytes: number): string {
  checkArguments("formatSize()", { sizeBytes: "number" }, [sizeBytes]);
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const amount = sizeBytes / UNITS[unit]!;
    if (Math.abs(amount) >= 1) return `${Number(amount.toFixed(2))} ${unit}`;
  }
  return `${sizeBytes} B`;
}
