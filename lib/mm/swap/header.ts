/**
 * The first page of a swap area: what mkswap writes there, and what swapon reads.
 *
 *   byte 0            1024                                                              4086        4096
 *        | boot code  | version  last_page  nr_badpages  uuid  label  padding  badpages | SWAPSPACE2 |
 *                       u32 = 1  u32        u32          16    16     117 u32  u32 each
 *
 * The page is never given out as a slot: that is why slot 0 is bad, and 0 can mean "no entry".
 *
 * Linux include/linux/swap.h:union swap_header, mm/swapfile.c; util-linux mkswap. Read first: swap_types.ts.
 * Read next: swapon.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";

const MAGIC = "SWAPSPACE2";
const INFO = 1024;
const BADPAGES = INFO + 12 + 32 + 117 * 4;
/** Bad pages that fit. Linux include/linux/swap.h:MAX_SWAP_BADPAGES */
export const MAX_SWAP_BADPAGES = (PAGE_SIZE - MAGIC.length - BADPAGES) >> 2;

/** What the page says. Linux include/linux/swap.h:union swap_header */
export interface SwapHeader {
  readonly version: number;
  /** The last page of the area that may be used. */
  readonly lastPage: number;
  /** How many bad pages it claims to have, which may be more than fit. */
  readonly nrBadpages: number;
  /** Pages that must not be used, as far as there is room for them. */
  readonly badpages: readonly number[];
}

/** The header, or undefined if the page is none. Linux mm/swapfile.c:read_swap_header(), its first test */
export function readSwapHeader(page: Uint8Array): SwapHeader | undefined {
  for (let i = 0; i < MAGIC.length; i++)
    if (page[PAGE_SIZE - MAGIC.length + i] !== MAGIC.charCodeAt(i)) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, PAGE_SIZE);
  // Made on a machine with the other order of bytes: its version reads as 1 that way.
  const little = view.getUint32(INFO, false) !== 1;
  const nrBadpages = view.getUint32(INFO + 8, little);
  const badpages: number[] = [];
  for (let i = 0; i < Math.min(nrBadpages, MAX_SWAP_BADPAGES); i++)
    badpages.push(view.getUint32(BADPAGES + i * 4, little));
  return {
    version: view.getUint32(INFO, little),
    lastPage: view.getUint32(INFO + 4, little),
    nrBadpages,
    badpages,
  };
}

/**
 * The first page of an area of `nrPages`. RangeError for none, or a bad page outside. util-linux
 * disk-utils/mkswap.c
 */
export function makeSwapHeader(nrPages: number, badpages: readonly number[] = [], label = ""): Uint8Array {
  if (!(Number.isInteger(nrPages) && nrPages >= 1 && nrPages <= 2 ** 32))
    throw new RangeError(`a swap area of ${nrPages} pages is not 1 to 4294967296`);
  const wrong = badpages.find((bad) => !(Number.isInteger(bad) && bad > 0 && bad < nrPages));
  if (wrong !== undefined || badpages.length > MAX_SWAP_BADPAGES)
    throw new RangeError(`bad pages are up to ${MAX_SWAP_BADPAGES} from 1 to ${nrPages - 1}, not ${wrong}`);
  const page = new Uint8Array(PAGE_SIZE);
  const view = new DataView(page.buffer);
  view.setUint32(INFO, 1, true);
  view.setUint32(INFO + 4, nrPages - 1, true);
  view.setUint32(INFO + 8, badpages.length, true);
  for (const [i, bad] of badpages.entries()) view.setUint32(BADPAGES + i * 4, bad, true);
  for (let i = 0; i < Math.min(label.length, 16); i++) page[INFO + 28 + i] = label.charCodeAt(i);
  for (let i = 0; i < MAGIC.length; i++) page[PAGE_SIZE - MAGIC.length + i] = MAGIC.charCodeAt(i);
  return page;
}
