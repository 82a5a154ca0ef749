/**
 * Taking the whole source of a write at once, as files do that are no page cache: a setting, a device.
 *
 *   copyFromIterFull(from, n)    copyAtomic as far as pages are at hand --> faultIn the next --> copyAtomic ...
 *
 * Read first: filemap.ts (IovIter).
 */
import type { IovIter } from "./filemap.js";

/**
 * The next `size` bytes of `from`, faulted in where need be; undefined when not all of them can be read.
 * Linux lib/iov_iter.c:copy_from_iter_full()
 */
export function copyFromIterFull(from: IovIter, size: number): Uint8Array | undefined {
  const bytes = new Uint8Array(size);
  const done = copyFromIter(from, bytes);
  return done === size ? bytes : undefined;
}

/** Fills `to` with the next bytes of `from`; how many could be read. Linux lib/iov_iter.c:copy_from_iter() */
export function copyFromIter(from: IovIter, to: Uint8Array): number {
  let done = 0;
  while (done < to.length) {
    const copied = from.copyAtomic(to.subarray(done));
    from.advance(copied);
    done += copied;
    if (copied > 0) continue;
    const left = to.length - done;
    if (from.count === 0 || from.faultIn(left) === left) break;
  }
  return done;
}
