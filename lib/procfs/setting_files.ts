/**
 * The settings as files: /proc/sys/vm/NAME and /sys/kernel/mm/PATH.
 *
 * What they are, their ranges and what they do is in two tables of the kernel; here they only become files.
 *
 * Linux fs/proc/proc_sysctl.c, fs/sysfs/file.c. Read first: kernel/sysctl.ts, kernel/sysfs_mm.ts, file.ts.
 * Read next: tree.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { KobjAttribute } from "../kernel/kobj_attribute.js";
import type { CtlTable, SysctlContext } from "../kernel/sysctl.js";
import { lruGenCommands } from "../mm/lru/gen/commands.js";
import { lruGenText } from "../mm/lru/gen/observe.js";
import type { MemorySystem } from "../mm/system.js";
import type { ProcFile } from "./file.js";

/**
 * A file of /proc/sys/vm. Only a write at the start of the file counts.
 * Linux fs/proc/proc_sysctl.c:proc_sys_call_handler()
 */
export function sysctlFile(context: SysctlContext, table: CtlTable): ProcFile {
  return {
    family: "sysctl",
    mode: table.mode,
    effect: table.effect,
    show() {
      const shown = table.show(context.sys);
      return shown === "" ? [] : [`${shown}\n`];
    },
    store: (text, pos) => (pos === 0 ? table.store(context, text) : text.length),
  };
}

/** A file of /sys/kernel/mm. Linux fs/sysfs/file.c:sysfs_kf_seq_show(), sysfs_kf_write() */
export function sysfsFile(sys: MemorySystem, attribute: KobjAttribute): ProcFile {
  const file: ProcFile = {
    family: "sysfs",
    mode: attribute.mode,
    effect: attribute.effect,
    show: () => [`${attribute.show(sys)}\n`],
  };
  if ((attribute.mode & 0o200) === 0) return file;
  return {
    ...file,
    maxWrite: PAGE_SIZE,
    store(text) {
      const result = text === "" ? 0 : attribute.store(sys, text);
      return result < 0 ? result : text.length;
    },
  };
}

/** /sys/kernel/debug/lru_gen: the generations. Linux mm/vmscan.c:lru_gen_seq_show(), lru_gen_seq_write() */
export function lruGenFile(sys: MemorySystem): ProcFile {
  return {
    family: "sysfs",
    mode: 0o644,
    effect: "ages and evicts by hand; shows the generations as they are now",
    show: () => [lruGenText(sys)],
    store(text) {
      const err = lruGenCommands(sys, text);
      return err < 0 ? err : text.length;
    },
  };
}
