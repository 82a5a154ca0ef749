/**
 * Areas of a machine for lab 07.1, each with addresses to ask about: inside, at both ends, and around them.
 *
 *   whole   begins and ends at multiples of 2 MiB         late    begins one page later
 *   short   ends one page earlier                         small   less than a block
 *   file    of a file, from various pages on              moved   anonymous memory that mremap has moved
 *
 * Not in Linux: a helper of the course.
 */
import "../../procfs/mount.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { boot } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import type { VmAreaStruct } from "../../mm/mm_types.js";

/** Which areas. */
export type HugeRange = "whole" | "late" | "short" | "small" | "file" | "moved";

/** One area, in words, and where to ask for blocks of a size. */
interface HugeArea {
  readonly vma: VmAreaStruct;
  readonly what: string;
  addresses(size: number): number[];
}

const BASE = 0x7f12_3460_0000;
/** First pages of the file that are mapped, and where, in pages behind a multiple of 2 MiB. */
const FILE_PAGES: readonly [first: number, at: number][] = [
  ...([
    [0, 0],
    [512, 0],
    [0, 512],
    [1, 1],
    [1, 0],
    [0, 1],
    [16, 0],
    [528, 16],
    [3, 515],
  ] as [number, number][]),
];

/** The first address of each whole block of [start, end). Not in Linux: a helper of the course. */
export function referenceBlocks(start: number, end: number): number[] {
  const blocks: number[] = [];
  for (let block = Math.floor(start / PMD_SIZE); block * PMD_SIZE < end; block++)
    if (block * PMD_SIZE >= start && (block + 1) * PMD_SIZE <= end) blocks.push(block * PMD_SIZE);
  return blocks;
}

/** Areas of a machine. Not in Linux: a helper of the course. */
export function hugeAreas(kind: HugeRange): HugeArea[] {
  const machine = boot({ ram: "32 MiB" });
  const process = machine.spawn("P");
  if (kind === "file") {
    machine.kernel.files.writeFile("/data/f", new Uint8Array(PAGE_SIZE));
    return FILE_PAGES.map(([first, at], i) => {
      const start = BASE + i * 8 * PMD_SIZE + at * PAGE_SIZE;
      const offset = first * PAGE_SIZE;
      process.mmap(2 * PMD_SIZE + 5 * PAGE_SIZE, {
        fd: process.open("/data/f"),
        offset,
        at: start,
        fixed: true,
      });
      return areaAt(process, start, `an area that maps a file from its page ${first} on`);
    });
  }
  if (kind === "moved") {
    const old = process.mmap(4 * PMD_SIZE, { at: BASE + 8 * PMD_SIZE + PAGE_SIZE, fixed: true });
    process.store(old, 1, 1);
    const moved = process.mremap(old, 4 * PMD_SIZE, 4 * PMD_SIZE, { to: BASE });
    return [areaAt(process, moved, "anonymous memory that mremap has moved")];
  }
  const late = kind === "late" ? PAGE_SIZE : 0;
  const size = {
    whole: 2 * PMD_SIZE,
    late: 2 * PMD_SIZE,
    short: 2 * PMD_SIZE - PAGE_SIZE,
    small: 37 * PAGE_SIZE,
    file: 0,
    moved: 0,
  }[kind];
  const start = BASE + late + (kind === "small" ? 3 * PAGE_SIZE : 0);
  process.mmap(size, { at: start, fixed: true });
  return [areaAt(process, start, "anonymous memory")];
}

function areaAt({ mm }: Process, start: number, kind: string): HugeArea {
  const vma = mm.mmMt.lookup(start)!;
  const { vmStart, vmEnd } = vma;
  const text = (at: number): string => `0x${at.toString(16)}`;
  return {
    vma,
    what: `vma from ${text(vmStart)} to ${text(vmEnd)}, ${kind}`,
    addresses: (size) => {
      const around = [vmStart, vmEnd].flatMap((at) => [at, at - PAGE_SIZE, at - size, at + size, at - 1]);
      return [...around, vmStart + size / 2, vmEnd - size / 2].filter((at) => at >= vmStart && at < vmEnd);
    },
  };
}
