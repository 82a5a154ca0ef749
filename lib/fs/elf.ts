/**
 * Program files: a small ELF, with code, data and bss, as the linker would lay them out.
 *
 *   file                                    memory
 *   0x0000  ELF header, program headers
 *   0x1000  code  --PT_LOAD r-x-->          0x40_1000  code
 *   0x....  data  --PT_LOAD rw--->          next page  data | bss (zeros: memory size > file size)
 *                                                             | heap (brk) from the next page on
 *
 * Left out: sections, symbols, relocations, dynamic linking, position-independent programs.
 *
 * Linux include/uapi/linux/elf.h; System V ABI, Object Files. Read next: kernel/exec.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";

/** One loadable part of a program. Linux include/uapi/linux/elf.h:struct elf64_phdr */
export interface ElfSegment {
  /** Byte in the file, congruent to `vaddr` modulo 4096. */
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  /** PF_X = 1, PF_W = 2, PF_R = 4. */
  readonly flags: number;
}

/** What exec needs of a program. */
export interface ElfProgram {
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

/** What a program is made of. */
export interface ProgramParts {
  /** Bytes of code; one `ret` by default. */
  code?: Uint8Array;
  /** Bytes of initialized data. */
  data?: Uint8Array;
  /** Bytes of zeros after the data. */
  bssBytes?: number;
}

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const CODE_ADDR = 0x40_1000;
/** A segment to be mapped. Linux PT_LOAD */
const PT_LOAD = 1;

/** Builds the file of a program. Not in Linux: the linker does. */
export function makeElf(parts: ProgramParts = {}): Uint8Array {
  checkArguments("makeElf()", { parts: { code: Uint8Array, data: Uint8Array, bssBytes: "count" } }, [parts]);
  const code = parts.code ?? new Uint8Array([0xc3]);
  const data = parts.data ?? new Uint8Array(0);
  const dataOffset = PAGE_SIZE + Math.ceil(code.length / PAGE_SIZE) * PAGE_SIZE;
  const dataAddr = CODE_ADDR + (dataOffset - PAGE_SIZE);
  const segments: ElfSegment[] = [
    { offset: PAGE_SIZE, vaddr: CODE_ADDR, filesz: code.length, memsz: code.length, flags: 5 },
    {
      offset: dataOffset,
      vaddr: dataAddr,
      filesz: data.length,
      memsz: data.length + (parts.bssBytes ?? 0),
      flags: 6,
    },
  ];
  const file = new Uint8Array(dataOffset + data.length);
  const used = segments.filter((segment) => segment.memsz > 0);
  writeHeaders(new DataView(file.buffer), used);
  file.set(code, PAGE_SIZE);
  file.set(data, dataOffset);
  return file;
}

function writeHeaders(view: DataView, segments: readonly ElfSegment[]): void {
  view.setUint32(0, 0x7f454c46); // 7f "ELF"
  view.setUint32(4, 0x02010100); // 64-bit, little-endian, version 1
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 62, true); // EM_X86_64
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(CODE_ADDR), true);
  view.setBigUint64(32, BigInt(EHDR_BYTES), true);
  view.setUint16(52, EHDR_BYTES, true);
  view.setUint16(54, PHDR_BYTES, true);
  view.setUint16(56, segments.length, true);
  for (const [i, segment] of segments.entries()) writePhdr(view, EHDR_BYTES + i * PHDR_BYTES, segment);
}

function writePhdr(view: DataView, at: number, segment: ElfSegment): void {
  view.setUint32(at, PT_LOAD, true);
  view.setUint32(at + 4, segment.flags, true);
  const words = [segment.offset, segment.vaddr, segment.vaddr, segment.filesz, segment.memsz, PAGE_SIZE];
  for (const [i, word] of words.entries()) view.setBigUint64(at + 8 + i * 8, BigInt(word), true);
}

/**
 * Reads the headers from the first page of a file; undefined when it is not such a program.
 * Linux fs/binfmt_elf.c:load_elf_phdrs()
 */
export function parseElf(head: Uint8Array): ElfProgram | undefined {
  if (head.length < EHDR_BYTES) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (view.getUint32(0) !== 0x7f454c46 || view.getUint16(18, true) !== 62) return undefined;
  const nr = view.getUint16(56, true);
  const first = Number(view.getBigUint64(32, true));
  if (view.getUint16(54, true) !== PHDR_BYTES || nr === 0 || first + nr * PHDR_BYTES > head.length)
    return undefined;
  const segments: ElfSegment[] = [];
  for (let at = first; at < first + nr * PHDR_BYTES; at += PHDR_BYTES) {
    const word = (i: number): number => Number(view.getBigUint64(at + 8 + i * 8, true));
    if (view.getUint32(at, true) !== PT_LOAD) continue;
    const flags = view.getUint32(at + 4, true);
    segments.push({ flags, offset: word(0), vaddr: word(1), filesz: word(3), memsz: word(4) });
  }
  return { entry: Number(view.getBigUint64(24, true)), segments };
}
