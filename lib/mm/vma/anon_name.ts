/**
 * Names of anonymous areas: what an allocator may write on its memory, so that /proc/PID/maps tells whose it
 * is.
 *
 *   prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, len, "heap of the shell")
 *
 *   7f0000000000-7f0000010000 rw-p 00000000 00:00 0      [anon:heap of the shell]       private
 *   7f0000010000-7f0000020000 rw-s 00000000 00:01 1024   [anon_shmem:table]             MAP_SHARED | MAP_ANONYMOUS
 *
 * The name is part of what a VMA means: a part of a mapping that gets a name is split off, and neighbours
 * merge only when they have the same. Areas of files have a path already and take no name (EBADF). Holes in
 * the range are skipped, and the call ends with ENOMEM.
 *
 * Linux with CONFIG_ANON_VMA_NAME, as distributions build it (without it the call is EINVAL).
 *
 * Linux mm/madvise.c; man 2 PR_SET_VMA. Read first: madvise.ts.
 */
import { offsetInPage, PAGE_SIZE, pageAlign } from "../../hw/address.js";
import { EBADF, EINVAL } from "../errno.js";
import { vmaIsAnonShmem } from "../filemap/shmem.js";
import type { MmStruct } from "../mm_types.js";
import { madviseUpdateVma, madviseWalkVmas } from "./madvise.js";
import { rangeWraps } from "./util.js";

/** Longest name with its zero byte. Linux mm/madvise.c:ANON_VMA_NAME_MAX_LEN */
export const ANON_VMA_NAME_MAX_LEN = 80;

/**
 * Whether a name has only letters that maps can print: ASCII without \ ` $ [ ].
 * Linux mm/madvise.c:is_valid_name_char()
 */
export function isValidAnonName(name: string): boolean {
  return name.length < ANON_VMA_NAME_MAX_LEN && /^[\x20-\x7e]*$/.test(name) && !/[\\`$[\]]/.test(name);
}

/**
 * Gives the anonymous areas of [start, start + len) a name, or none. 0 or negative errno.
 * Linux mm/madvise.c:madvise_set_anon_name()
 */
export function madviseSetAnonName(
  mm: MmStruct,
  start: number,
  lenIn: number,
  anonName: string | undefined,
): number {
  const len = pageAlign(lenIn);
  if (offsetInPage(start) !== 0 || (lenIn !== 0 && len === 0) || rangeWraps(start, len)) return -EINVAL;
  if (len === 0) return 0;
  const end = len < 0 ? mm.taskSize + PAGE_SIZE : start + len; // nothing is mapped beyond
  return madviseWalkVmas(mm, start, end, (prev, vma, from, to) => {
    if (vma.vmFile !== undefined && !vmaIsAnonShmem(vma)) return -EBADF;
    return madviseUpdateVma(prev, vma, from, to, vma.vmFlags, { anonName });
  });
}
