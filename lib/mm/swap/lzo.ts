/**
 * LZO1X: the other way to write bytes that came before as a distance, and zswap's unless told otherwise.
 *
 *   The idea is that of LZ4 (lz4.ts): literals, and matches that point back. But where LZ4 has one form of
 *   token, LZO has several, and the shorter and nearer a match, the fewer bits it takes:
 *
 *     0000 LLLL                        literals: L + 3 (L = 0: longer, see below)
 *     1LLD DDSS  HHHHHHHH              3 to 8 bytes, up to 2 KiB back (01LD DDSS for 3 and 4)
 *     001L LLLL  DDDDDDSS DDDDDDDD     any length, up to 16 KiB back
 *     0001 HLLL  DDDDDDSS DDDDDDDD     any length, up to 48 KiB back; distance 16 KiB: the end
 *
 *   SS: up to 3 literals that follow the match, without a byte of their own to say so. A length that its bits
 *   cannot hold is 0 there, and goes on in bytes: each 0 adds 255, the first that is not 0 is the last.
 *
 * Pages with short matches get a few percent smaller than with LZ4, and a decoder has more to look at for
 * each byte, so it is slower. The choices are Linux's (LZO1X-1, a table of 2^13 places), so the sizes are
 * too.
 *
 * Left out: blocks above 16 KiB; writing matches of 2 bytes, which LZO1X-1 does not do (they are read); runs
 * of zeros (lzo-rle).
 *
 * Linux lib/lzo/, Documentation/staging/lzo.rst. Read first: lz4.ts. Read next: zswap.ts.
 */
import { EINVAL } from "../errno.js";

/** Matches end so many bytes before the end, or a bit later. */
const TAIL = 20;
/** Longest match of the short form. Linux lib/lzo/lzodefs.h:M2_MAX_LEN */
const M2_MAX_LEN = 8;
/** How far back it reaches. Linux lib/lzo/lzodefs.h:M2_MAX_OFFSET */
const M2_MAX_OFFSET = 0x800;
/** Longest match of the middle form that needs no more bytes. Linux lib/lzo/lzodefs.h:M3_MAX_LEN */
const M3_MAX_LEN = 33;
/** How far back that reaches; so large may a block be. Linux lib/lzo/lzodefs.h:M3_MAX_OFFSET */
const M3_MAX_OFFSET = 0x4000;
/** First byte of the middle form, and of the long one. Linux M3_MARKER, M4_MARKER */
const M3_MARKER = 32;
const M4_MARKER = 16;
/** log2 of the places that are remembered. Linux lib/lzo/lzodefs.h:D_BITS */
const D_BITS = 13;

function read32(src: Uint8Array, at: number): number {
  return src[at]! | (src[at + 1]! << 8) | (src[at + 2]! << 16) | (src[at + 3]! << 24);
}

/** How many of the 8 bytes at `a` and `b` are the same, from the first on. */
function same8(src: Uint8Array, a: number, b: number): number {
  let nr = 0;
  while (nr < 8 && src[a + nr] === src[b + nr]) nr++;
  return nr;
}

/** Length of a match of at least 4 bytes; it is looked at in steps of 8 as long as it lasts. */
function matchLength(src: Uint8Array, ip: number, match: number, end: number): number {
  let length = 4;
  let same = same8(src, ip + length, match + length);
  while (same === 8) {
    length += 8;
    same = same8(src, ip + length, match + length);
    if (ip + length >= end) return length;
  }
  return length + same;
}

/** Writes what the bits of a length could not hold: where to go on, or -1 without room. */
function writeLength(dst: Uint8Array, op: number, rest: number): number {
  for (; rest > 255; rest -= 255) {
    if (op >= dst.length) return -1;
    dst[op++] = 0;
  }
  if (op >= dst.length) return -1;
  dst[op++] = rest;
  return op;
}

/** Copies `nr` bytes; where to go on, or -1 without room. */
function copyLiterals(src: Uint8Array, from: number, nr: number, dst: Uint8Array, op: number): number {
  if (op + nr > dst.length) return -1;
  for (let i = 0; i < nr; i++) dst[op + i] = src[from + i]!;
  return op + nr;
}

/**
 * Writes `nr` literals in front of a match: where to go on, or -1. Up to 3 belong to the match before. Short
 * ones ask for the room of a copy in one step, as Linux does.
 */
function writeLiterals(src: Uint8Array, from: number, nr: number, dst: Uint8Array, op: number): number {
  if (nr === 0) return op;
  if (nr <= 3) {
    dst[op - 2] = dst[op - 2]! | nr;
    return op + 4 > dst.length ? -1 : copyLiterals(src, from, nr, dst, op);
  }
  if (nr <= 16 && op + 17 > dst.length) return -1;
  return writeRun(src, from, nr, dst, op);
}

/** Writes more than 3 literals with their length. */
function writeRun(src: Uint8Array, from: number, nr: number, dst: Uint8Array, op: number): number {
  if (op >= dst.length) return -1;
  dst[op++] = nr <= 18 ? nr - 3 : 0;
  if (nr > 18) op = writeLength(dst, op, nr - 18);
  return op < 0 ? op : copyLiterals(src, from, nr, dst, op);
}

/** Writes a match: where to go on, or -1. */
function writeMatch(dst: Uint8Array, op: number, offset: number, length: number): number {
  if (length <= M2_MAX_LEN && offset <= M2_MAX_OFFSET) {
    if (op + 2 > dst.length) return -1;
    dst[op++] = ((length - 1) << 5) | (((offset - 1) & 7) << 2);
    dst[op++] = (offset - 1) >> 3;
    return op;
  }
  if (op >= dst.length) return -1;
  dst[op++] = M3_MARKER | (length <= M3_MAX_LEN ? length - 2 : 0);
  if (length > M3_MAX_LEN) op = writeLength(dst, op, length - M3_MAX_LEN);
  if (op < 0 || op + 2 > dst.length) return -1;
  dst[op++] = (offset - 1) << 2;
  dst[op++] = (offset - 1) >> 6;
  return op;
}

/** Writes what is left as literals, and the end; the size of the block, or 0. */
function writeEnd(src: Uint8Array, from: number, dst: Uint8Array, at: number): number {
  const nr = src.length - from;
  let op = at;
  if (op === 0 && nr > 0 && nr <= 238) {
    if (dst.length === 0) return 0;
    dst[op++] = 17 + nr;
    op = copyLiterals(src, from, nr, dst, op);
  } else if (nr > 3) op = writeRun(src, from, nr, dst, op);
  else if (nr > 0) {
    dst[op - 2] = dst[op - 2]! | nr;
    op = copyLiterals(src, from, nr, dst, op);
  }
  if (op < 0 || op + 3 > dst.length) return 0;
  dst[op++] = M4_MARKER | 1;
  dst[op++] = 0;
  dst[op++] = 0;
  return op;
}

/**
 * Compresses `src` (up to 16 KiB) into `dst`; the number of bytes, or 0 if they do not fit. `table` is
 * scratch memory of 2^13 places. Linux lib/lzo/lzo1x_compress.c:lzo1x_1_compress_safe()
 */
export function lzoCompress(src: Uint8Array, dst: Uint8Array, table: Uint16Array): number {
  if (src.length > M3_MAX_OFFSET)
    throw new RangeError(`a block of ${src.length} bytes is not one of at most ${M3_MAX_OFFSET}`);
  const end = src.length - TAIL;
  let anchor = 0; // everything before it is written
  let op = 0;
  table.fill(0);
  for (let ip = 5; ip < end; ) {
    const bytes = read32(src, ip);
    const h = Math.imul(bytes, 0x1824429d) >>> (32 - D_BITS);
    const match = table[h]!;
    table[h] = ip;
    if (read32(src, match) !== bytes) {
      ip += 1 + ((ip - anchor) >> 5); // the longer nothing was found, the larger the steps
      continue;
    }
    op = writeLiterals(src, anchor, ip - anchor, dst, op);
    const length = matchLength(src, ip, match, end);
    if (op >= 0) op = writeMatch(dst, op, ip - match, length);
    if (op < 0) return 0;
    ip += length;
    anchor = ip;
  }
  return writeEnd(src, anchor, dst, op);
}

/** How many bytes from `at` on are 0. */
function countZeros(src: Uint8Array, at: number): number {
  let nr = 0;
  while (src[at + nr] === 0) nr++;
  return nr;
}

/** Bytes [op, op + nr) of `dst` from `src`; whether they are there and fit. */
function literalsFit(src: Uint8Array, ip: number, nr: number, dst: Uint8Array, op: number): boolean {
  if (ip + nr > src.length || op + nr > dst.length) return false;
  for (let i = 0; i < nr; i++) dst[op + i] = src[ip + i]!;
  return true;
}

/**
 * Decompresses the block `src` into `dst`; the number of bytes, or -EINVAL for what is no block or does not
 * fit. Reads and writes nothing else, whatever `src` holds. Linux lib/lzo/lzo1x_decompress_safe.c
 */
export function lzoDecompress(src: Uint8Array, dst: Uint8Array): number {
  let ip = 0;
  let op = 0;
  let state = 0; // literals right before: 0 to 3, or 4: a run of them
  if (src.length > 0 && src[0]! > 17) {
    const nr = src[ip++]! - 17;
    if (!literalsFit(src, ip, nr, dst, op)) return -EINVAL;
    ip += nr;
    op += nr;
    state = Math.min(nr, 4);
  }
  while (ip < src.length) {
    const t = src[ip++]!;
    const bits = t < 16 ? 15 : t < 32 ? 7 : t < 64 ? 31 : 0;
    const isRun = t < 16 && state === 0;
    let length = isRun ? t + 3 : (t & bits) + 2;
    if ((isRun || (t >= 16 && t < 64)) && (t & bits) === 0) {
      const zeros = countZeros(src, ip);
      length += bits + 255 * zeros + (src[ip + zeros] ?? 0);
      ip += zeros + 1;
    }
    if (isRun) {
      if (!literalsFit(src, ip, length, dst, op)) return -EINVAL;
      ip += length;
      op += length;
      state = 4;
      continue;
    }
    const last = t < 16 || t >= 64 ? t : src[ip]!;
    const far = src[ip]! | (src[ip + 1]! << 8);
    let distance = (far >> 2) + (t < 32 ? 0x4000 + ((t & 8) << 11) : 1);
    if (t >= 64) {
      length = (t >> 5) + 1;
      distance = (src[ip]! << 3) + ((t >> 2) & 7) + 1;
    } else if (t < 16) {
      length = state === 4 ? 3 : 2;
      distance = (src[ip]! << 2) + (t >> 2) + (state === 4 ? M2_MAX_OFFSET : 0) + 1;
    }
    ip += t < 16 || t >= 64 ? 1 : 2;
    if (t >= 16 && t < 32 && distance === 0x4000) return ip === src.length && length === 3 ? op : -EINVAL;
    if (ip > src.length || distance > op || op + length > dst.length) return -EINVAL;
    for (const end = op + length; op < end; op++) dst[op] = dst[op - distance]!;
    state = last & 3;
    if (!literalsFit(src, ip, state, dst, op)) return -EINVAL;
    ip += state;
    op += state;
  }
  return -EINVAL;
}
