/**
 * Lab 06, Swap: five exercises, three of them parts of the running kernel: who has which slot of a swap area,
 * what happens at the first access to a page that is not in RAM, and how much of each list reclaim looks at.
 *
 * Notebook: notebooks/06-swap.ipynb. Check your work there with `await check("06.1")`, or in a terminal with
 * `npx pagewalk grade 06.1`; `npx pagewalk hint 06.1` gives a hint, a second call the next one.
 *
 * Names are Linux's: swapEntryDup here is what the kernel's mm/swapfile.c calls __swap_duplicate().
 */

// ---------------------------------------------------------------- 06.1

/** A page's place in swap, and what its page-table entry keeps of the page. */
export interface SwapPlace {
  /** Number of the swap area: 0 to 23. */
  type: number;
  /** Slot in the area: 0 to 2^50 - 2. One more, in area 0, and the entry would be empty. */
  offset: number;
  /** The page belongs to this process alone. */
  exclusive: boolean;
  /** It was written since somebody cleared the soft-dirty bits. */
  softDirty: boolean;
}

// HINT 06.1: Entries are bigints, and so is every number that you combine with them: BigInt(type) << 59n.
// HINT 06.1: NOT of a bigint has no end: ~5n is -6n. Cut it to the 50 bits of the field first, by
//   & ((1n << 50n) - 1n). Then shift it to bit 9.
// HINT 06.1: Back: first say undefined to what is no place in swap (three cases). Then shift down by 59 for
//   the type; by 9 for the offset, NOT, & the 50 bits. Number(...) makes a number of it.
/**
 * 06.1 Pack and unpack a swap entry. The 64-bit page-table entry of x86-64 for a page that is in swap. Linux
 * calls this swp_entry_to_pte().
 *
 *     63   59 58                               9 8 7 6 5 4 3 2 1 0
 *    +-------+----------------------------------+-+-+-+-+-+-+-+-+-+
 *    | type  |           NOT offset             |0|0|0|0|0|E|0|S|0|
 *    +-------+----------------------------------+-+-+-+-+-+-+-+-+-+
 *
 * - Bits 59 to 63: the type.
 * - Bits 9 to 58: the offset with every one of its 50 bits inverted.
 * - Bit 3 (E): exclusive. Bit 1 (S): soft-dirty.
 * - All others are 0. Bit 0 above all (P, present): the page is not in RAM, an access must fault.
 *
 * Why inverted: some processors guess ahead with an entry that is not present, as if its bits named a frame,
 * and read what that frame has in the first-level cache (the attack L1TF). Small offsets inverted are
 * addresses far above all RAM.
 *
 * Type 0, offset 1, neither bit: 0x07fffffffffffc00n.
 */
export function swpEntryToPte(place: SwapPlace): bigint {
  // SOLUTION BEGIN
  const inverted = ~BigInt(place.offset) & ((1n << 50n) - 1n);
  let pte = (BigInt(place.type) << 59n) | (inverted << 9n);
  if (place.exclusive) pte |= 1n << 3n;
  if (place.softDirty) pte |= 1n << 1n;
  return pte;
  // SOLUTION END
}

/**
 * 06.1 Pack and unpack a swap entry. What a page-table entry says of a page's place in swap; undefined for
 * an entry that is none. Linux calls this pte_to_swp_entry().
 *
 * No place in swap is
 *
 * - the empty entry, 0;
 * - one with bit 0 (P, present) or bit 8 (present for Linux, but not for the processor: PROT_NONE). Then the
 *   other bits name a frame;
 * - one of type 24 or more: Linux keeps other notes with these types (a page on the move, a guard page).
 *
 * Bits 2 and 4 to 7 are other people's: do not look at them.
 */
export function pteToSwpEntry(pte: bigint): SwapPlace | undefined {
  // SOLUTION BEGIN
  if (pte === 0n || (pte & 0x101n) !== 0n) return undefined;
  const type = Number(pte >> 59n);
  if (type >= 24) return undefined;
  return {
    type,
    offset: Number(~(pte >> 9n) & ((1n << 50n) - 1n)),
    exclusive: (pte & (1n << 3n)) !== 0n,
    softDirty: (pte & (1n << 1n)) !== 0n,
  };
  // SOLUTION END
}
