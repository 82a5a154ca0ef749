/**
 * Hexdumps: RAM as it is, byte by byte, and page tables as the entries they hold.
 *
 *   0x00003000  67 40 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |g@..............|
 *               \_ one entry, lowest byte first: 0x0000000000004067
 *
 * `hexdump` shows any range of RAM, as the command `hexdump -C` does; lines equal to the one above shrink to
 * a `*`. `dumpTable` shows one page table: each entry that is not zero with its place, its eight bytes, its
 * value and its meaning.
 *
 * Read first: ram.ts, entry.ts.
 */

import type { Pfn } from "./address.js";
import { hex, PAGE_SIZE } from "./address.js";
import { entryText } from "./entry.js";
import { Ram } from "./ram.js";
import { checkArguments } from "./signature.js";

const BYTES_PER_LINE = 16;

/**
 * The bytes of RAM from physical address `pa` on, as text, 16 to a line. Not in Linux: the layout is that of
 * `hexdump -C`.
 */
export function hexdump(ram: Ram, pa: number, nrBytes = 64): string {
  checkArguments("hexdump()", { ram: Ram, pa: "count", nrBytes: "count?" }, [ram, pa, nrBytes]);
  if (!(Number.isInteger(nrBytes) && nrBytes > 0 && nrBytes <= 2 ** 20))
    throw new RangeError(`cannot dump ${nrBytes} bytes; ask for 1 to ${2 ** 20}`);
  const lines: string[] = [];
  let previous = "";
  for (let at = pa; at < pa + nrBytes; at += BYTES_PER_LINE) {
    const bytes = readBytes(ram, at, Math.min(BYTES_PER_LINE, pa + nrBytes - at));
    const body = lineBody(bytes);
    const isLast = at + BYTES_PER_LINE >= pa + nrBytes;
    if (body === previous && !isLast) {
      if (lines[lines.length - 1] !== "*") lines.push("*");
    } else lines.push(`${hex(at, 8)}  ${body}`);
    previous = body;
  }
  return lines.join("\n");
}

function readBytes(ram: Ram, pa: number, nrBytes: number): number[] {
  return Array.from({ length: nrBytes }, (_, i) => ram.read8(pa + i));
}

function lineBody(bytes: readonly number[]): string {
  const pairs = bytes.map(byteText);
  const left = pairs.slice(0, 8).join(" ").padEnd(23);
  const right = pairs.slice(8).join(" ").padEnd(23);
  const ascii = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${left}  ${right}  |${ascii}|`;
}

function byteText(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/**
 * The entries of the page table in frame `pfn` that are not zero: index, physical address, bytes, value and
 * meaning. `level` is the table's level (it decides what bit 7 means); `wide` is false for the 1024 4-byte
 * entries of 32-bit paging.
 */
export function dumpTable(ram: Ram, pfn: Pfn, level: number, wide = true): string {
  checkArguments("dumpTable()", { ram: Ram, pfn: "count", level: "level", wide: "flag?" }, [
    ram,
    pfn,
    level,
    wide,
  ]);
  const entryBytes = wide ? 8 : 4;
  const lines = [`table in frame ${hex(pfn)}, physical address ${hex(pfn * PAGE_SIZE)}, level ${level}`];
  for (let index = 0; index < PAGE_SIZE / entryBytes; index++) {
    const pa = pfn * PAGE_SIZE + index * entryBytes;
    const bytes = readBytes(ram, pa, entryBytes);
    const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (value === 0n) continue;
    const raw = bytes.map(byteText).join(" ");
    lines.push(
      `  [${String(index).padStart(4)}] ${hex(pa, 8)}  ${raw}  ${hex(value, 2 * entryBytes)}  ${entryText(value)}`,
    );
  }
  if (lines.length === 1) lines.push("  all entries are zero");
  return lines.join("\n");
}
