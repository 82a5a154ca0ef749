/**
 * Files of /sys with one value each: a choice of words, a number, yes or no.
 *
 *   enabled          always [madvise] never      words: the one in brackets holds
 *   pages_to_scan    4096                        number, within a range
 *   use_zero_page    1                           flag
 *   full_scans       12                          can only be read
 *
 * What is written must be one of the words, or a number in the range; else nothing changes and the writer
 * gets EINVAL. Each file says in `effect` what it does on this machine.
 *
 * Linux include/linux/kobject.h. Read first: kstrtox.ts. Read next: sysfs_mm.ts, sysfs_thp.ts.
 */
import { EINVAL } from "../mm/errno.js";
import type { MemorySystem } from "../mm/system.js";
import { kstrtobool, kstrtouint, kstrtoul, sysfsStreq } from "./kstrtox.js";

/** One file. Linux include/linux/kobject.h:struct kobj_attribute */
export interface KobjAttribute {
  /** Below /sys/kernel/mm. */
  readonly path: string;
  readonly mode: number;
  /** What it does on this machine today. */
  readonly effect: string;
  /** What reading shows, without the newline. */
  show(sys: MemorySystem): string;
  /** Takes a written text; 0 or a negative errno. Not called where the mode forbids writing. */
  store(sys: MemorySystem, text: string): number;
}

/** Where a value is kept that something on this machine depends on. */
export interface Place {
  get(sys: MemorySystem): string;
  set(sys: MemorySystem, text: string): void;
}

/** The value as long as nothing was written, of one that is only kept; or where it is kept. */
type Value = string | ((sys: MemorySystem) => string) | Place;

function currentValue(sys: MemorySystem, path: string, value: Value): string {
  if (typeof value === "object") return value.get(sys);
  return sys.kernelMm.get(path) ?? (typeof value === "string" ? value : value(sys));
}

function storeValue(sys: MemorySystem, path: string, value: Value, text: string): number {
  if (typeof value === "object") value.set(sys, text);
  else sys.kernelMm.set(path, text);
  return 0;
}

/** A choice of words. Linux: sysfs_streq() over the words, the chosen one in brackets */
export function words(path: string, list: string, value: Value, effect: string): KobjAttribute {
  const all = list.split(" ");
  return {
    path,
    mode: 0o644,
    effect,
    show(sys) {
      const chosen = currentValue(sys, path, value);
      return all.map((word) => (word === chosen ? `[${word}]` : word)).join(" ");
    },
    store(sys, text) {
      const word = all.find((one) => sysfsStreq(text, one));
      if (word === undefined) return -EINVAL;
      return storeValue(sys, path, value, word);
    },
  };
}

/** Range of a number. */
interface Range {
  readonly min?: number;
  readonly max?: number;
  /** An unsigned int is all that counts; else an unsigned long. */
  readonly long?: boolean;
}

/** Linux: kstrtouint() or kstrtoul() in decimal; whatever is wrong with it is EINVAL. */
export function number(path: string, value: Value, effect: string, range: Range = {}): KobjAttribute {
  return {
    path,
    mode: 0o644,
    effect,
    show: (sys) => currentValue(sys, path, value),
    store(sys, text) {
      const { value: parsed, error } = (range.long === true ? kstrtoul : kstrtouint)(text, 10);
      if (error !== 0 || parsed < (range.min ?? 0) || parsed > (range.max ?? Number.POSITIVE_INFINITY))
        return -EINVAL;
      return storeValue(sys, path, value, String(parsed));
    },
  };
}

/** 0 or 1, or yes and no in letters. Linux lib/kstrtox.c:kstrtobool() */
export function flag(path: string, value: Value, effect: string): KobjAttribute {
  return {
    path,
    mode: 0o644,
    effect,
    show: (sys) => currentValue(sys, path, value),
    store(sys, text) {
      const yes = kstrtobool(text);
      if (yes === undefined) return -EINVAL;
      return storeValue(sys, path, value, yes ? "1" : "0");
    },
  };
}

/** A file that can only be read. */
export function fixed(
  path: string,
  value: string | ((sys: MemorySystem) => string),
  effect: string,
): KobjAttribute {
  const show = typeof value === "string" ? () => value : value;
  return { path, mode: 0o444, effect, show, store: () => -EINVAL };
}
