/**
 * Reservation maps: for which huge pages of a file, or of a private mapping, the pool has made a promise.
 *
 *   pages of the file   0   1   2   3   4   5   6   7   8
 *   regions               [-------)       [---)                  { from 1, to 3 }, { from 5, to 6 }
 *
 *   regionChg(0, 6)  how many pages of the range are in no region: 3. Nothing changes
 *   regionAdd(0, 6)  puts the range in: one region { from 0, to 6 }; 3 were new
 *   regionDel(2, 4)  takes it out again: { 0, 2 } { 4, 6 }; 2 were in
 *
 * The two kinds of mappings read such a map in opposite ways.
 *
 *   shared    the map belongs to the file. A page in it was promised, or is there already; it stays in when the
 *             mapping goes, until the file is cut or gone
 *   private   the map belongs to the mapping, which was promised all its pages when it was made. A page in it has
 *             been taken: its promise is used up
 *
 * Differs from Linux: regions need no memory of their own, so nothing can fail between looking and changing,
 * and no region is kept in reserve.
 *
 * Linux mm/hugetlb.c. Read first: hstate.ts. Read next: reserve_pages.ts, vma_resv.ts.
 */

/** Pages [from, to). Linux include/linux/hugetlb.h:struct file_region */
export interface FileRegion {
  from: number;
  to: number;
}

/** Linux include/linux/hugetlb.h:struct resv_map */
export class ResvMap {
  /** VMAs that share it. Linux refs */
  refs = 1;
  /** In order; none touches another. */
  readonly regions: FileRegion[] = [];
}

/** Pages of [from, to) that are in the map. Linux mm/hugetlb.c:region_count() */
export function regionCount(resv: ResvMap, from: number, to: number): number {
  let count = 0;
  for (const region of resv.regions)
    count += Math.max(0, Math.min(region.to, to) - Math.max(region.from, from));
  return count;
}

/** Pages of [from, to) that are not in it. Linux mm/hugetlb.c:region_chg() */
export function regionChg(resv: ResvMap, from: number, to: number): number {
  return to - from - regionCount(resv, from, to);
}

/** Puts [from, to) into the map; how many pages were new. Linux mm/hugetlb.c:region_add() */
export function regionAdd(resv: ResvMap, from: number, to: number): number {
  const added = regionChg(resv, from, to);
  const joined = { from, to };
  const others = resv.regions.filter((region) => {
    if (region.to < joined.from || region.from > joined.to) return true;
    joined.from = Math.min(joined.from, region.from);
    joined.to = Math.max(joined.to, region.to);
    return false;
  });
  const at = others.findIndex((region) => region.from > joined.to);
  others.splice(at < 0 ? others.length : at, 0, joined);
  resv.regions.splice(0, resv.regions.length, ...others);
  return added;
}

/** Takes [from, to) out of the map; how many pages were in it. Linux mm/hugetlb.c:region_del() */
export function regionDel(resv: ResvMap, from: number, to: number): number {
  const deleted = regionCount(resv, from, to);
  const left = resv.regions.flatMap((region) => {
    const parts = [
      { from: region.from, to: Math.min(region.to, from) },
      { from: Math.max(region.from, to), to: region.to },
    ];
    return parts.filter((part) => part.from < part.to);
  });
  resv.regions.splice(0, resv.regions.length, ...left);
  return deleted;
}
