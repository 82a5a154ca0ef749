/**
 * Names of error numbers, as the recorder's C library prints them.
 *
 * Read first: mm/errno.ts.
 */
import * as errno from "../mm/errno.js";

const NAMES = new Map(Object.entries(errno).map(([name, value]) => [value as number, name]));

/** ENOMEM for -12; "E12" where the name is not known. Not in Linux: strerrorname_np() in the C library */
export function errnoName(ret: number): string {
  return NAMES.get(-ret) ?? `E${-ret}`;
}
