/**
 * The files of the whole machine: /proc/NAME.
 *
 *   text      meminfo vmstat zoneinfo buddyinfo pagetypeinfo slabinfo filesystems uptime
 *   64 bits   kpagecount kpageflags            one word a frame, at byte frame * 8
 *
 * Linux fs/proc/meminfo.c, fs/proc/page.c, mm/vmstat.c:init_mm_internals(). Read first: file.ts.
 * Read next: tree.ts.
 */

import type { Pfn } from "../hw/address.js";
import { EINVAL } from "../mm/errno.js";
import type { MemorySystem } from "../mm/system.js";
import { buddyinfo, pagetypeinfo } from "./buddyinfo.js";
import type { ProcFile } from "./file.js";
import { filesystems } from "./filesystems.js";
import { meminfo } from "./meminfo.js";
import { kpagecount, kpageflags, wordBytes } from "./page.js";
import { slabinfo } from "./slabinfo.js";
import { swaps } from "./swaps.js";
import { vmstat } from "./vmstat.js";
import { zoneinfo } from "./zoneinfo.js";

type MakeFile = (sys: MemorySystem) => Omit<ProcFile, "family">;

function text(show: (sys: MemorySystem) => string | string[], mode = 0o444): MakeFile {
  return (sys) => ({ mode, seek: "seq", show: () => [show(sys)].flat() });
}

/** One word for each frame. Linux fs/proc/page.c:kpage_read() */
function words(wordOf: (sys: MemorySystem, pfn: Pfn) => number): MakeFile {
  return (sys) => ({
    mode: 0o400,
    seek: "mem",
    readBytes(pos, to) {
      if (pos % 8 !== 0 || to.length % 8 !== 0) return -EINVAL;
      const nr = Math.min(to.length / 8, sys.ram.nrFrames - pos / 8);
      if (nr <= 0) return 0;
      to.set(wordBytes(nr, (i) => wordOf(sys, pos / 8 + i)));
      return nr * 8;
    },
  });
}

/** Linux fs/proc/uptime.c:uptime_proc_show() */
function uptime(sys: MemorySystem): string {
  const seconds = (sys.clock.nowNs / 1e9).toFixed(2);
  return `${seconds} ${seconds}\n`;
}

const MAKE: Readonly<Record<string, MakeFile>> = {
  meminfo: text(meminfo),
  vmstat: text(vmstat),
  swaps: text(swaps),
  zoneinfo: text(zoneinfo),
  buddyinfo: text(buddyinfo),
  pagetypeinfo: text(pagetypeinfo, 0o400),
  slabinfo: text(slabinfo, 0o400),
  filesystems: text(filesystems),
  uptime: text(uptime),
  kpagecount: words(kpagecount),
  kpageflags: words(kpageflags),
};

/** Names of the files. */
export const ROOT_FILES: readonly string[] = Object.keys(MAKE);

/** File `name` of /proc itself; undefined when there is none. Linux fs/proc/generic.c:proc_lookup() */
export function rootFile(sys: MemorySystem, name: string): ProcFile | undefined {
  return Object.hasOwn(MAKE, name) ? { family: "root", ...MAKE[name]!(sys) } : undefined;
}
