/**
 * Bytes of a frame, for the kernel to look at.
 *
 * Linux include/linux/highmem.h. Read first: hw/ram.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { type Ram, SECTION_FRAMES_SHIFT } from "../../hw/ram.js";

/** Number of the frame's first byte in its section. */
function startOf(pfn: Pfn): number {
  return (pfn & (2 ** SECTION_FRAMES_SHIFT - 1)) * PAGE_SIZE;
}

/** The 4096 bytes of the frame, to be read before anything else happens. Linux kmap_local_page() */
export function kmapLocalRead(ram: Ram, pfn: Pfn): Uint8Array {
  const start = startOf(pfn);
  return (ram.sectionOf(pfn) ?? ram.touchSection(pfn)).bytes.subarray(start, start + PAGE_SIZE);
}

/** The 4096 bytes of the frame, to be written before anything else happens. Linux kmap_local_page() */
export function kmapLocalWrite(ram: Ram, pfn: Pfn): Uint8Array {
  const start = startOf(pfn);
  return ram.touchSection(pfn).bytes.subarray(start, start + PAGE_SIZE);
}
