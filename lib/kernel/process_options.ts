/**
 * What the friendly methods of a process may be told, and how it becomes Linux's numbers.
 *
 *   mmap("64 KiB", { prot: "rx", shared: true })
 *     --> len 65536, prot PROT_READ | PROT_EXEC, flags MAP_SHARED | MAP_ANONYMOUS
 *
 * Not in Linux: a program writes the numbers itself. Read next: process.ts.
 */
import { pageAlign } from "../hw/address.js";
import { valueText } from "../hw/options.js";
import { parseSize } from "../hw/size.js";
import {
  type MADV,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../mm/vma/mman.js";
import type { CapabilityName } from "./cred.js";

/** Rights by letters, in any order: "r", "rw", "rx", "" for none. */
export type Prot = string;

/** What mmap may be told; all of it optional. man 2 mmap */
export interface MmapOptions {
  /** "rw" by default. */
  readonly prot?: Prot;
  /** Writes are seen by all who map the same; false by default (a private mapping). */
  readonly shared?: boolean;
  /** Map this open file; without it the memory is anonymous. */
  readonly fd?: number;
  /** First byte of the file, a multiple of 4096. */
  readonly offset?: number;
  /** Where it should lie; the kernel looks for a place by default. */
  readonly at?: number;
  /** Exactly at `at`, over what is there. MAP_FIXED */
  readonly fixed?: boolean;
  /** Exactly at `at`, but EEXIST when anything is there. MAP_FIXED_NOREPLACE */
  readonly fixedNoreplace?: boolean;
  /** Fault everything in at once. MAP_POPULATE */
  readonly populate?: boolean;
  /** Lock it at once. MAP_LOCKED */
  readonly locked?: boolean;
  /** Do not count it as promised memory. MAP_NORESERVE */
  readonly noreserve?: boolean;
  /** Grow downwards when touched just below, as a stack does. MAP_GROWSDOWN */
  readonly growsdown?: boolean;
  /** Of huge pages of this size, from their pool. MAP_HUGETLB */
  readonly hugetlb?: "2M" | "1G";
}

/** Name of an advice of madvise, without MADV_ in front. */
export type Advice = keyof typeof MADV;

/** What mremap may be told; all of it optional. man 2 mremap */
export interface MremapOptions {
  /** It may lie elsewhere afterwards; true by default. MREMAP_MAYMOVE */
  readonly mayMove?: boolean;
  /** Exactly there, over what is there. MREMAP_FIXED */
  readonly to?: number;
  /** The old mapping stays, without its pages. MREMAP_DONTUNMAP */
  readonly dontunmap?: boolean;
}

/** MREMAP_* bits for the options of mremap. */
export function mremapBits({ mayMove = true, to, dontunmap = false }: MremapOptions): number {
  return (
    (mayMove ? MREMAP_MAYMOVE : 0) |
    (to === undefined ? 0 : MREMAP_FIXED) |
    (dontunmap ? MREMAP_DONTUNMAP : 0)
  );
}

/** Sets of capabilities by name; one that is left out stays as it is. man 2 capset */
export interface CapabilitySets {
  /** What is switched on. */
  readonly effective?: readonly CapabilityName[];
  /** What may be switched on. */
  readonly permitted?: readonly CapabilityName[];
  /** What exec may pass on. */
  readonly inheritable?: readonly CapabilityName[];
}

/** PROT_* bits for letters. RangeError for any other letter. */
export function protBits(prot: Prot): number {
  const bits: Readonly<Record<string, number>> = { r: PROT_READ, w: PROT_WRITE, x: PROT_EXEC, "-": 0 };
  let all = 0;
  for (const letter of prot) {
    const bit = bits[letter];
    if (bit === undefined)
      throw new RangeError(`prot "${prot}" may have the letters r, w and x, not ${letter}`);
    all |= bit;
  }
  return all;
}

/** MAP_* bits for the options of mmap. */
export function mapBits(options: MmapOptions): number {
  const when = (flag: boolean | undefined, bit: number): number => (flag === true ? bit : 0);
  return (
    (options.shared === true ? MAP_SHARED : MAP_PRIVATE) |
    (options.fd === undefined ? MAP_ANONYMOUS : 0) |
    when(options.fixed, MAP_FIXED) |
    when(options.fixedNoreplace, MAP_FIXED_NOREPLACE) |
    when(options.populate, MAP_POPULATE) |
    when(options.locked, MAP_LOCKED) |
    when(options.noreserve, MAP_NORESERVE) |
    when(options.growsdown, MAP_GROWSDOWN) |
    (options.hugetlb === undefined
      ? 0
      : MAP_HUGETLB | (Math.log2(hugeSizeOf(options.hugetlb)) << MAP_HUGE_SHIFT))
  );
}

const HUGE_SIZES: Readonly<Record<string, number>> = { "2M": 2 ** 21, "1G": 2 ** 30 };

/** Bytes of huge pages called "2M" or "1G". RangeError for any other name. */
export function hugeSizeOf(name: string): number {
  const bytes = HUGE_SIZES[name];
  if (bytes === undefined)
    throw new RangeError(`there are huge pages of "2M" and of "1G", not of ${valueText(name)}`);
  return bytes;
}

/** Bytes of a length, a whole number of pages where it is a text. */
export function sizeOf(length: number | string): number {
  return typeof length === "string" ? pageAlign(parseSize(length, "length")) : length;
}

/** Bytes of a file's length or a limit, not rounded. */
export function bytesOf(value: number | string, what: string): number {
  return typeof value === "string" ? parseSize(value, what) : value;
}
