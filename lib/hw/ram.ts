/**
 * RAM: the physical memory of the machine, real bytes that everything else lives in, page tables included.
 *
 *   pfn   0            1            2                      nrFrames-1
 *        +------------+------------+------------+--- ---+------------+
 *        | 4096 bytes | 4096 bytes | 4096 bytes |       | 4096 bytes |
 *        +------------+------------+------------+--- ---+------------+
 *
 * A physical address `pa` is a byte number, a page frame number `pfn` is pa / 4096. The host gives memory
 * only where the machine touches it: RAM is cut into sections of 64 MiB, a section is taken from the host
 * on its first write, and the host's own demand paging backs only the pages of it that are used. A section
 * never written reads as zeros. So a machine with 64 GiB costs nothing until it is used.
 *
 * Kernels fill and copy whole frames of which programs have often written a few bytes. So each section notes
 * how far its frames were written; what lies beyond is zero already and is neither filled nor copied:
 *
 *        |<--- written --->|
 *        +-----------------+-------------------------------+
 *   frame| any bytes       | zeros                         |
 *        +-----------------+-------------------------------+
 *
 * A frame of which a view was given out (`frame`) may be written at any time, so it counts as written whole
 * for ever.
 *
 * Words are little-endian, as on x86. A page-table entry is 8 bytes; `entryLo`/`entryHi` read its two halves
 * (the fast path), `readEntry`/`writeEntry` the whole as a bigint (exact, slower, pleasant in a notebook).
 *
 * Read first: address.ts. Read next: entry.ts.
 */

import type { Pfn } from "./address.js";
import { hex, PAGE_SIZE } from "./address.js";
import { valueText } from "./options.js";

/** log2 of the frames in a section: 2^14 frames are 64 MiB. */
export const SECTION_FRAMES_SHIFT = 14;
const SECTION_BYTES = PAGE_SIZE * 2 ** SECTION_FRAMES_SHIFT;

/** So few bytes are faster done one by one than by a call of the host's own function. */
const SHORT = 32;
/** `written` of a frame of which somebody has a view. */
const LENT = PAGE_SIZE + 1;

/**
 * One section of RAM, the same bytes seen as bytes and as 32-bit words. To write a frame here, get it by
 * `touchSection`.
 */
export interface RamSection {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /**
   * For each frame: how many bytes from its start were written since it was all zeros, or LENT.
   * Invariant: the bytes of the frame from this number on are zero.
   */
  readonly written: Uint16Array;
}

/** The physical memory of one machine. Not in Linux: this is the hardware. */
export class Ram {
  readonly sizeBytes: number;
  readonly nrFrames: number;
  /** Frames that were copied as a whole. */
  framesCopied = 0;
  /** Frames that were filled with zeros as a whole. */
  framesZeroed = 0;
  private readonly sections: (RamSection | undefined)[];

  /** RAM of `sizeBytes` bytes: a multiple of 4096, at most 2^44 bytes (16 TiB). */
  constructor(sizeBytes: number) {
    if (!Number.isInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % PAGE_SIZE !== 0 || sizeBytes > 2 ** 44)
      throw new RangeError(
        `RAM size ${valueText(sizeBytes)} is not a positive multiple of ${PAGE_SIZE} up to 2^44 bytes`,
      );
    this.sizeBytes = sizeBytes;
    this.nrFrames = sizeBytes / PAGE_SIZE;
    this.sections = new Array<RamSection | undefined>(Math.ceil(sizeBytes / SECTION_BYTES)).fill(undefined);
  }

  /** The section that holds frame `pfn`, or undefined where the machine never wrote. No range check. */
  sectionOf(pfn: Pfn): RamSection | undefined {
    return this.sections[pfn >>> SECTION_FRAMES_SHIFT];
  }

  /** The section that holds frame `pfn`, for somebody who writes the frame now, anywhere. */
  touchSection(pfn: Pfn): RamSection {
    const section = this.sections[pfn >>> 14];
    if (section === undefined) return this.makeSection(pfn, 4096);
    if (section.written[pfn & 0x3fff]! < 4096) section.written[pfn & 0x3fff] = 4096;
    return section;
  }

  /**
   * Nobody knows any more who has views of which frames, or what was written: all frames count as written
   * whole.
   */
  forgetWritten(): void {
    for (const section of this.sections) section?.written.fill(LENT);
  }

  /** The section that holds frame `pfn`, taken from the host if need be. */
  private sectionToWrite(pfn: Pfn): RamSection {
    return this.sections[pfn >>> 14] ?? this.makeSection(pfn, 0);
  }

  private makeSection(pfn: Pfn, sizeBytes: number): RamSection {
    const index = pfn >>> SECTION_FRAMES_SHIFT;
    const firstByte = index * SECTION_BYTES;
    const buffer = new ArrayBuffer(Math.min(SECTION_BYTES, this.sizeBytes - firstByte));
    const written = new Uint16Array(buffer.byteLength / PAGE_SIZE);
    written[pfn & 0x3fff] = sizeBytes;
    const created = { bytes: new Uint8Array(buffer), words: new Int32Array(buffer), written };
    this.sections[index] = created;
    return created;
  }

  /** Byte at physical address `pa`, 0 to 255. */
  read8(pa: number): number {
    this.check(pa, 1);
    const section = this.sectionOf(Math.floor(pa / PAGE_SIZE));
    return section === undefined ? 0 : section.bytes[inSection(pa)]!;
  }

  /** Sets the byte at `pa` to the low 8 bits of `value`. */
  write8(pa: number, value: number): void {
    this.check(pa, 1);
    const section = this.sectionToWrite(Math.floor(pa / PAGE_SIZE));
    section.bytes[inSection(pa)] = value;
    noteWritten(section.written, inSection(pa) >>> 12, (pa & 0xfff) + 1);
  }

  /** Little-endian unsigned number of `sizeBytes` bytes (1 to 6) at `pa`; may cross frames and sections. */
  readUint(pa: number, sizeBytes: number): number {
    this.check(pa, sizeBytes);
    const start = inSection(pa);
    if (start + sizeBytes > SECTION_BYTES) return this.readUintBytes(pa, sizeBytes);
    const section = this.sections[Math.floor(pa / SECTION_BYTES)];
    if (section === undefined) return 0;
    if (sizeBytes === 4 && start % 4 === 0) return section.words[start >> 2]! >>> 0;
    if (sizeBytes === 1) return section.bytes[start]!;
    let value = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) value = value * 256 + section.bytes[start + i]!;
    return value;
  }

  /**
   * Stores the low `sizeBytes` bytes (1 to 6) of the integer `value`, little-endian; negative as two's
   * complement.
   */
  writeUint(pa: number, sizeBytes: number, value: number): void {
    this.check(pa, sizeBytes);
    const start = inSection(pa);
    if (start + sizeBytes > SECTION_BYTES) {
      this.writeUintBytes(pa, sizeBytes, value);
      return;
    }
    const section = this.sectionToWrite(Math.floor(pa / PAGE_SIZE));
    const end = (start & 0xfff) + sizeBytes;
    if (end <= 4096) noteWritten(section.written, start >>> 12, end);
    else {
      noteWritten(section.written, start >>> 12, 4096);
      noteWritten(section.written, (start >>> 12) + 1, end - 4096);
    }
    if (sizeBytes === 4 && start % 4 === 0) section.words[start >> 2] = value;
    else if (sizeBytes === 1) section.bytes[start] = value;
    else
      for (let i = 0, rest = value; i < sizeBytes; i++, rest = Math.floor(rest / 256))
        section.bytes[start + i] = rest;
  }

  private readUintBytes(pa: number, sizeBytes: number): number {
    let value = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) value = value * 256 + this.read8(pa + i);
    return value;
  }

  private writeUintBytes(pa: number, sizeBytes: number, value: number): void {
    for (let i = 0, rest = value; i < sizeBytes; i++, rest = Math.floor(rest / 256))
      this.write8(pa + i, rest);
  }

  /** The 4-byte entry `index` (0 to 1023) of the 32-bit table in frame `pfn`, signed. */
  word(pfn: Pfn, index: number): number {
    const section = this.sections[pfn >>> SECTION_FRAMES_SHIFT];
    return section === undefined ? 0 : section.words[((pfn & 0x3fff) << 10) | index]!;
  }

  /** Stores the 4-byte entry `index` (0 to 1023) of the 32-bit table in frame `pfn`. */
  setWord(pfn: Pfn, index: number, value: number): void {
    const section = this.sectionToWrite(pfn);
    section.words[((pfn & 0x3fff) << 10) | index] = value;
    noteWritten(section.written, pfn & 0x3fff, (index << 2) + 4);
  }

  /** Low 32 bits (signed) of the 8-byte entry `index` (0 to 511) of the table in frame `pfn`. */
  entryLo(pfn: Pfn, index: number): number {
    const section = this.sections[pfn >>> SECTION_FRAMES_SHIFT];
    return section === undefined ? 0 : section.words[((pfn & 0x3fff) << 10) | (index << 1)]!;
  }

  /** High 32 bits (signed) of the 8-byte entry `index` of the table in frame `pfn`. */
  entryHi(pfn: Pfn, index: number): number {
    const section = this.sections[pfn >>> SECTION_FRAMES_SHIFT];
    return section === undefined ? 0 : section.words[((pfn & 0x3fff) << 10) | (index << 1) | 1]!;
  }

  /** Stores both halves of entry `index` of the table in frame `pfn`. */
  setEntry(pfn: Pfn, index: number, lo: number, hi: number): void {
    const { words, written } = this.sectionToWrite(pfn);
    const word = ((pfn & 0x3fff) << 10) | (index << 1);
    words[word] = lo;
    words[word + 1] = hi;
    noteWritten(written, pfn & 0x3fff, (index << 3) + 8);
  }

  /** The 64-bit entry at physical address `pa` (8-byte aligned) as an unsigned bigint. */
  readEntry(pa: number): bigint {
    this.checkEntry(pa);
    const pfn = Math.floor(pa / PAGE_SIZE);
    const index = (pa % PAGE_SIZE) / 8;
    const hi = BigInt(this.entryHi(pfn, index) >>> 0);
    return (hi << 32n) | BigInt(this.entryLo(pfn, index) >>> 0);
  }

  /** Stores the low 64 bits of `value` at `pa` (8-byte aligned). */
  writeEntry(pa: number, value: bigint): void {
    this.checkEntry(pa);
    if (typeof value !== "bigint")
      throw new TypeError(`an entry is a bigint such as 0x1007n, not ${valueText(value)}`);
    const lo = Number(value & 0xffff_ffffn) | 0;
    const hi = Number((value >> 32n) & 0xffff_ffffn) | 0;
    this.setEntry(Math.floor(pa / PAGE_SIZE), (pa % PAGE_SIZE) / 8, lo, hi);
  }

  /** The 4096 bytes of frame `pfn` as a view: writing to it writes RAM. */
  frame(pfn: Pfn): Uint8Array {
    this.checkFrame(pfn);
    const { bytes, written } = this.sectionToWrite(pfn);
    written[pfn & 0x3fff] = LENT;
    const start = inSection(pfn * PAGE_SIZE);
    return bytes.subarray(start, start + PAGE_SIZE);
  }

  /** Fills frame `pfn` with zeros; costs nothing where the machine never wrote. */
  zeroFrame(pfn: Pfn): void {
    this.checkFrame(pfn);
    this.framesZeroed++;
    const section = this.sectionOf(pfn);
    if (section !== undefined) shrinkWritten(section, pfn, 0);
  }

  /** Copies the 4096 bytes of frame `from` to frame `to`. */
  copyFrame(to: number, from: number): void {
    this.checkFrame(from);
    this.checkFrame(to);
    this.framesCopied++;
    const source = this.sectionOf(from);
    const size = source === undefined ? 0 : Math.min(source.written[from & 0x3fff]!, 4096);
    if (size === 0 && this.sectionOf(to) === undefined) return;
    const target = this.sectionToWrite(to);
    if (source !== undefined && size > 0) {
      const start = inSection(from * PAGE_SIZE);
      const at = inSection(to * PAGE_SIZE);
      if (size <= SHORT) for (let i = 0; i < size; i++) target.bytes[at + i] = source.bytes[start + i]!;
      else if (source === target) target.bytes.copyWithin(at, start, start + size);
      else target.bytes.set(source.bytes.subarray(start, start + size), at);
      noteWritten(target.written, to & 0x3fff, size);
    }
    shrinkWritten(target, to, size);
  }

  /**
   * Copies frame `pfn` to `to` from byte `at` on, as far as it was written; how many bytes that is. Behind
   * them the frame is zeros. RangeError if `to` has no room for a frame there.
   */
  saveFrame(pfn: Pfn, to: Uint8Array, at: number): number {
    this.checkFrame(pfn);
    checkPiece("to", to, at, PAGE_SIZE);
    const section = this.sectionOf(pfn);
    if (section === undefined) return 0;
    const size = Math.min(section.written[pfn & 0x3fff]!, 4096);
    copyBytes(to, at, section.bytes, inSection(pfn * PAGE_SIZE), size);
    return size;
  }

  /**
   * Frame `pfn` gets `size` bytes of `from`, from byte `at` on, and zeros behind them. RangeError if that is
   * more than a frame, or not there.
   */
  loadFrame(pfn: Pfn, from: Uint8Array, at: number, size: number): void {
    this.checkFrame(pfn);
    checkPiece("from", from, at, size);
    const section = this.sectionToWrite(pfn);
    copyBytes(section.bytes, inSection(pfn * PAGE_SIZE), from, at, size);
    noteWritten(section.written, pfn & 0x3fff, size);
    shrinkWritten(section, pfn, size);
  }

  /** Whether all bytes of frame `pfn` are 0. */
  isFrameZero(pfn: Pfn): boolean {
    this.checkFrame(pfn);
    const section = this.sectionOf(pfn);
    if (section === undefined) return true;
    const { words, written } = section;
    const start = (pfn & 0x3fff) << 10;
    const end = start + ((Math.min(written[pfn & 0x3fff]!, 4096) + 3) >> 2);
    for (let i = start; i < end; i++) if (words[i] !== 0) return false;
    return true;
  }

  private check(pa: number, nrBytes: number): void {
    if (!(Number.isInteger(pa) && pa >= 0 && pa + nrBytes <= this.sizeBytes))
      throw new RangeError(`physical address ${describe(pa)} is outside RAM of ${hex(this.sizeBytes)} bytes`);
  }

  private checkFrame(pfn: Pfn): void {
    if (!(Number.isInteger(pfn) && pfn >= 0 && pfn < this.nrFrames))
      throw new RangeError(`frame ${describe(pfn)} is outside RAM of ${this.nrFrames} frames`);
  }

  private checkEntry(pa: number): void {
    this.check(pa, 8);
    if (pa % 8 !== 0) throw new RangeError(`entry address ${hex(pa)} is not a multiple of 8`);
  }
}

/** RangeError unless `bytes` has `size` bytes from `at` on, and they fit into a frame. */
function checkPiece(name: string, bytes: Uint8Array, at: number, size: number): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${name} is a Uint8Array, not ${valueText(bytes)}`);
  for (const number of [at, size])
    if (!Number.isInteger(number))
      throw new RangeError(`a number of bytes is an integer, not ${valueText(number)}`);
  if (!(size >= 0 && size <= PAGE_SIZE && at >= 0 && at + size <= bytes.length))
    throw new RangeError(
      `${name} has ${bytes.length} bytes, not ${size} from byte ${at} on; a frame has 4096`,
    );
}

/** Copies `size` bytes between two arrays. */
function copyBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, size: number): void {
  if (size <= SHORT) for (let i = 0; i < size; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + size), at);
}

/** Bytes before byte `end` of frame `frame` of a section have been or will be written. */
function noteWritten(written: Uint16Array, frame: number, end: number): void {
  if (written[frame]! < end) written[frame] = end;
}

/** Fills what was written of frame `pfn` after its first `size` bytes with zeros. */
function shrinkWritten(section: RamSection, pfn: Pfn, size: number): void {
  const index = pfn & 0x3fff;
  const written = section.written[index]!;
  if (written <= size) return;
  const { bytes } = section;
  const start = index << 12;
  const end = start + Math.min(written, 4096);
  if (written - size > SHORT) bytes.fill(0, start + size, end);
  else for (let i = start + size; i < end; i++) bytes[i] = 0;
  if (written !== LENT) section.written[index] = size;
}

/** Byte number of `pa` in its section. `&` works modulo 2^32, of which a section's size is a divisor. */
function inSection(pa: number): number {
  return pa & (SECTION_BYTES - 1);
}

function describe(value: number): string {
  return Number.isInteger(value) ? hex(value) : valueText(value);
}
