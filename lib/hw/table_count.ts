/**
 * The price of page tables: how many table frames a set of mapped ranges needs.
 *
 *   mapped        [##]                              [#]
 *   level 1       [ table ]                     [ table ]      one for each 2 MiB that is touched
 *   level 2       [ table         ]     [ table         ]      one for each 1 GiB
 *   level 3       [ table                               ]      one for each 512 GiB
 *   level 4       [ root                                ]      one, always
 *
 * A table exists when at least one page below it is mapped, however few or many they are. So pages that lie
 * together share their tables, and pages that lie far apart each pay for a whole path: dense maps are cheap,
 * sparse ones dear. A table of one single level would have to exist whole.
 *
 * Read first: page_table.ts.
 */

import { hex, LEVEL_SIZE, PAGE_SIZE } from "./address.js";
import type { Pte } from "./entry.js";
import { checkArguments, listOf, shape as shapeOf } from "./signature.js";

/** Mapped addresses, `start` included, `end` not; both multiples of 4096. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** Table frames for each level of four-level paging, by Linux's names, and their sum. */
export interface TableCount {
  /** Level 1 tables. */
  readonly pte: Pte;
  /** Level 2 tables. */
  readonly pmd: number;
  /** Level 3 tables. */
  readonly pud: number;
  /** Level 4: the root. */
  readonly pgd: number;
  readonly total: number;
}

/** Table frames that four-level paging spends on mapping `ranges` with 4 KiB pages. Ranges may overlap. */
export function countTables(ranges: readonly AddressRange[]): TableCount {
  const [pte, pmd, pud] = [1, 2, 3].map((level) => nrSlices(ranges, LEVEL_SIZE[level]! * 512));
  return { pte: pte!, pmd: pmd!, pud: pud!, pgd: 1, total: pte! + pmd! + pud! + 1 };
}

/**
 * Frames that a table of `levels` levels spends on mapping `ranges`; `bits` are translated by each level and
 * `entryBytes` is the size of an entry (32-bit paging: 2 levels, 10 bits, 4 bytes; a single level: all bits
 * at once). Not in Linux.
 */
export function tableFrames(
  ranges: readonly AddressRange[],
  shape: { levels: number; bits: number; entryBytes: number },
): number {
  checkArguments(
    "tableFrames()",
    {
      ranges: listOf(shapeOf({ start: "integer", end: "integer" })),
      shape: shapeOf({ levels: "level", bits: "count", entryBytes: "count" }),
    },
    [ranges, shape],
  );
  const framesPerTable = Math.ceil((2 ** shape.bits * shape.entryBytes) / PAGE_SIZE);
  let frames = framesPerTable;
  for (let level = 1; level < shape.levels; level++)
    frames += framesPerTable * nrSlices(ranges, PAGE_SIZE * 2 ** (shape.bits * level));
  return frames;
}

/** Slices of `sliceBytes` (each aligned to its size) that at least one range touches. */
function nrSlices(ranges: readonly AddressRange[], sliceBytes: number): number {
  const slices = ranges
    .filter((range) => checkRange(range).end > range.start)
    .map((range) => ({
      first: Math.floor(range.start / sliceBytes),
      last: Math.ceil(range.end / sliceBytes) - 1,
    }))
    .sort((a, b) => a.first - b.first);
  let count = 0;
  let counted = Number.NEGATIVE_INFINITY;
  for (const { first, last } of slices) {
    const from = Math.max(first, counted + 1);
    if (last >= from) count += last - from + 1;
    counted = Math.max(counted, last);
  }
  return count;
}

function checkRange(range: AddressRange): AddressRange {
  if (range.start % PAGE_SIZE !== 0 || range.end % PAGE_SIZE !== 0)
    throw new RangeError(`range ${hex(range.start)} to ${hex(range.end)} is not made of whole pages`);
  return range;
}
