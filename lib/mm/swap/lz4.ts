/**
 * LZ4: bytes that came before are not written again, but pointed at.
 *
 *   src   a b c d e f g h a b c d e f X Y ...
 *         \_____________/ \_________/
 *          8 literals      6 bytes that stand 8 bytes before
 *
 *   dst   one sequence for each pair of literals and match:
 *
 *         token      more length   literals   offset        more length
 *         +----+----+ +---------+  +-------+  +-----+-----+ +---------+
 *         | ll | ml | | 255 ... |  | bytes |  | lo  | hi  | | 255 ... |
 *         +----+----+ +---------+  +-------+  +-----+-----+ +---------+
 *          4 bits each  if ll = 15             distance back   if ml = 15
 *
 *         ll: number of literals; ml: length of the match - 4. From 15 on bytes follow that are added; the first
 *         that is not 255 is the last. A match may overlap what it makes: distance 1 repeats one byte.
 *
 * A block ends with literals only: its last sequence has no match. The last 5 bytes are always literals, and
 * no match begins in the last 12. That lets a decoder copy in large steps, and an encoder read 4 bytes
 * anywhere.
 *
 * Whether bytes stood there before is told by a table: a hash of 4 bytes says where such bytes were last
 * seen. It is taken at its word (greedy: the first match, not the longest), so a page takes microseconds.
 * Where nothing was found for 64 attempts, each further attempt goes one byte further: a page of random bytes
 * costs less, not more.
 *
 * The choices are those of Linux (LZ4 of acceleration 1, a table of 2^13 positions), so a page takes as many
 * bytes here as in Linux with the compressor lz4.
 *
 * The recorded kernel takes lz4 for zram and lzo for zswap (lzo.ts). Where a kernel has LZO's variant for
 * runs of zeros (lzo-rle), that is zram's default: most pages differ by a few percent, some are larger, some
 * smaller.
 *
 * Left out: blocks above 64 KiB, frames with checksums, dictionaries.
 *
 * Linux lib/lz4/. Read next: zsmalloc.ts, where the result is kept.
 */
import { EINVAL } from "../errno.js";

/** No match is shorter. Linux lib/lz4/lz4defs.h:MINMATCH */
const MINMATCH = 4;
/** So many bytes at the end are literals. Linux lib/lz4/lz4defs.h:LASTLITERALS */
const LASTLITERALS = 5;
/** No match begins in so many bytes at the end. Linux lib/lz4/lz4defs.h:MFLIMIT */
const MFLIMIT = 12;
/** What a token's half holds at most; from here on bytes follow. Linux lib/lz4/lz4defs.h:RUN_MASK, ML_MASK */
const RUN_MASK = 15;
/** Attempts at the same step, as a power of two. Linux lib/lz4/lz4defs.h:LZ4_SKIPTRIGGER */
const SKIPTRIGGER = 6;
/**
 * log2 of the positions that are remembered. Linux LZ4_HASHLOG + 1, for blocks whose positions have 16 bits
 */
const HASH_LOG = 13;
/** The largest block: a position has 16 bits. Linux LZ4_64Klimit is a few bytes more */
const MAX_BLOCK = 65536;

/** Where bytes with a hash were last seen; one may serve any number of blocks. Linux LZ4_MEM_COMPRESS */
export function newLz4Table(): Uint16Array {
  return new Uint16Array(1 << HASH_LOG);
}

/** 4 bytes as a number. Linux lib/lz4/lz4defs.h:LZ4_read32() */
function read32(src: Uint8Array, at: number): number {
  return src[at]! | (src[at + 1]! << 8) | (src[at + 2]! << 16) | (src[at + 3]! << 24);
}

/** Linux lib/lz4/lz4_compress.c:LZ4_hash4(); the factor is 2^32 divided by the golden ratio. */
function hash4(bytes: number): number {
  return Math.imul(bytes, 2654435761) >>> (32 - HASH_LOG);
}

/** How many bytes from `a` and `b` on are the same, `a` staying before `end`. Linux LZ4_count() */
function count(src: Uint8Array, a: number, b: number, end: number): number {
  const start = a;
  while (a < end && src[a] === src[b]) {
    a++;
    b++;
  }
  return a - start;
}

/** Writes what a token's half could not hold; where to go on. */
function writeLength(dst: Uint8Array, at: number, rest: number): number {
  while (rest >= 255) {
    dst[at++] = 255;
    rest -= 255;
  }
  dst[at++] = rest;
  return at;
}

/** Writes a token with `nr` literals from `from` on; where to go on. The caller knows that they fit. */
function writeLiterals(src: Uint8Array, from: number, nr: number, dst: Uint8Array, at: number): number {
  dst[at++] = Math.min(nr, RUN_MASK) << 4;
  if (nr >= RUN_MASK) at = writeLength(dst, at, nr - RUN_MASK);
  for (let i = 0; i < nr; i++) dst[at + i] = src[from + i]!;
  return at + nr;
}

/**
 * The next place from `ip` on whose 4 bytes the table knows, as `place * 65536 + where they were`; -1 when
 * there is none before `mflimit`. All places that are tried are remembered. Linux LZ4_compress_generic(), its
 * first loop
 */
function findMatch(src: Uint8Array, table: Uint16Array, ip: number, mflimit: number): number {
  let tries = 1 << SKIPTRIGGER;
  let step = 1;
  for (let next = ip + step; next <= mflimit; next = ip + step) {
    const bytes = read32(src, ip);
    const h = hash4(bytes);
    const match = table[h]!;
    table[h] = ip;
    if (read32(src, match) === bytes) return ip * MAX_BLOCK + match;
    ip = next;
    step = tries++ >>> SKIPTRIGGER;
  }
  return -1;
}

/**
 * Compresses `src` (up to 64 KiB) into `dst`; the number of bytes, or 0 if they do not fit. `table` is
 * scratch memory; give the same one each time. Linux lib/lz4/lz4_compress.c:LZ4_compress_default()
 */
export function lz4Compress(src: Uint8Array, dst: Uint8Array, table: Uint16Array = newLz4Table()): number {
  const end = src.length;
  if (end > MAX_BLOCK) throw new RangeError(`a block of ${end} bytes is not one of at most ${MAX_BLOCK}`);
  const mflimit = end - MFLIMIT;
  let anchor = 0; // everything before it is written
  let op = 0;
  table.fill(0);
  for (let found = findMatch(src, table, 1, mflimit); found >= 0; ) {
    let ip = Math.floor(found / MAX_BLOCK);
    let match = found % MAX_BLOCK;
    while (ip > anchor && match > 0 && src[ip - 1] === src[match - 1]) {
      ip--;
      match--;
    }
    const nr = ip - anchor;
    if (op + 1 + nr + 3 + LASTLITERALS + Math.floor(nr / 255) > dst.length) return 0;
    let token = op;
    op = writeLiterals(src, anchor, nr, dst, op);
    for (;;) {
      const more = count(src, ip + MINMATCH, match + MINMATCH, end - LASTLITERALS);
      op = writeMatch(dst, token, op, ip - match, more);
      if (op === 0) return 0;
      ip += MINMATCH + more;
      anchor = ip;
      if (ip > mflimit) return lastLiterals(src, anchor, dst, op);
      // Right behind a match another often begins: it needs no literals.
      table[hash4(read32(src, ip - 2))] = ip - 2;
      const h = hash4(read32(src, ip));
      match = table[h]!;
      table[h] = ip;
      if (read32(src, match) !== read32(src, ip)) break;
      token = op;
      dst[op++] = 0;
    }
    found = findMatch(src, table, ip + 1, mflimit);
  }
  return lastLiterals(src, anchor, dst, op);
}

/**
 * Writes the offset and length of a match; where to go on, or 0 if there is no room for it and the last
 * bytes.
 */
function writeMatch(dst: Uint8Array, token: number, op: number, offset: number, more: number): number {
  dst[op++] = offset;
  dst[op++] = offset >>> 8;
  if (op + 1 + LASTLITERALS + (more >>> 8) > dst.length) return 0;
  dst[token] = dst[token]! + Math.min(more, RUN_MASK);
  return more >= RUN_MASK ? writeLength(dst, op, more - RUN_MASK) : op;
}

/**
 * Writes what is left as literals; the size of the block, or 0. Linux LZ4_compress_generic(), _last_literals
 */
function lastLiterals(src: Uint8Array, anchor: number, dst: Uint8Array, op: number): number {
  const nr = src.length - anchor;
  if (op + 1 + nr + Math.floor((nr + 255 - RUN_MASK) / 255) > dst.length) return 0;
  return writeLiterals(src, anchor, nr, dst, op);
}

/**
 * Decompresses the block `src` into `dst`; the number of bytes, or -EINVAL for what is no block or does not
 * fit. Reads and writes nothing else, whatever `src` holds.
 * Linux lib/lz4/lz4_decompress.c:LZ4_decompress_safe()
 * Differs from Linux: does not check that the last 5 bytes are literals.
 */
export function lz4Decompress(src: Uint8Array, dst: Uint8Array): number {
  let ip = 0;
  let op = 0;
  while (ip < src.length) {
    const token = src[ip++]!;
    let nr = token >>> 4;
    if (nr === RUN_MASK)
      for (let more = 255; more === 255; nr += more) {
        if (ip >= src.length) return -EINVAL;
        more = src[ip++]!;
      }
    if (ip + nr > src.length || op + nr > dst.length) return -EINVAL;
    for (const end = ip + nr; ip < end; ) dst[op++] = src[ip++]!;
    if (ip === src.length) return op;
    if (ip + 2 > src.length) return -EINVAL;
    const offset = src[ip]! | (src[ip + 1]! << 8);
    ip += 2;
    let length = (token & RUN_MASK) + MINMATCH;
    if (length === RUN_MASK + MINMATCH)
      for (let more = 255; more === 255; length += more) {
        if (ip >= src.length) return -EINVAL;
        more = src[ip++]!;
      }
    if (offset === 0 || offset > op || op + length > dst.length) return -EINVAL;
    for (const end = op + length; op < end; op++) dst[op] = dst[op - offset]!;
  }
  return -EINVAL;
}
