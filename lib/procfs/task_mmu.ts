/**
 * /proc/PID/maps: the mappings of a process.
 *
 *   00400000-00401000 r--p 00000000 fe:00 260131                     /usr/bin/cat
 *   start    end      perm offset   dev   inode                      what it maps
 *
 * perm ends in p (private) or s (shared). Mappings without a file have offset, device and inode 0; the last
 * column then says what the kernel uses them for: [heap], [stack], [vdso], or nothing. The last line is the
 * vsyscall page of the kernel's own address space, which Linux lists in every process.
 *
 * Read first: seq_file.ts. Read next: smaps.ts, pagemap.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { type MmStruct, VM_EXEC, VM_MAYSHARE, VM_READ, VM_WRITE, type VmAreaStruct } from "../mm/mm_types.js";
import { putHex, seqPath } from "./seq_file.js";

/**
 * Column in which the name of a mapping starts. Linux fs/proc/task_mmu.c:show_vma_header_prefix(),
 * seq_setwidth()
 */
const NAME_COLUMN = 73;
/**
 * Gate page at the top of the address space that every process shows.
 * Linux arch/x86/entry/vsyscall/vsyscall_64.c
 */
const VSYSCALL_ADDR = -10 * 1024 * 1024;

/**
 * What maps and smaps say a mapping is: a path, [heap], [stack], [vdso] ...
 * Linux fs/proc/task_mmu.c:get_vma_name()
 */
export function getVmaName(vma: VmAreaStruct): string {
  const mm = vma.vmMm;
  if (vma.vmFile !== undefined)
    return vma.anonName === undefined ? seqPath(vma.vmFile.path) : `[anon_shmem:${vma.anonName}]`;
  const special = vma.vmOps?.name?.(vma);
  if (special !== undefined) return special;
  if (mm.vdso !== 0 && vma.vmStart === mm.vdso) return "[vdso]";
  if (vma.vmStart < mm.brk && vma.vmEnd > mm.startBrk) return "[heap]";
  if (mm.startStack !== 0 && vma.vmStart <= mm.startStack && vma.vmEnd >= mm.startStack) return "[stack]";
  return vma.anonName === undefined ? "" : `[anon:${vma.anonName}]`;
}

function headerLine(start: number, end: number, perm: string, rest: string, name: string): string {
  const prefix = `${putHex(start, 8)}-${putHex(end, 8)} ${perm} ${rest} `;
  return name === "" ? `${prefix}\n` : `${prefix.padEnd(NAME_COLUMN)}${name}\n`;
}

/**
 * Permissions as maps prints them: r, w, x or a dash each, then s (shared) or p (private).
 * Linux fs/proc/task_mmu.c:show_vma_header_prefix()
 */
export function vmaPerm({ vmFlags }: VmAreaStruct): string {
  return [
    vmFlags & VM_READ ? "r" : "-",
    vmFlags & VM_WRITE ? "w" : "-",
    vmFlags & VM_EXEC ? "x" : "-",
    vmFlags & VM_MAYSHARE ? "s" : "p",
  ].join("");
}

/** The line of /proc/PID/maps for `vma`. Linux fs/proc/task_mmu.c:show_map_vma() */
export function showMapVma(vma: VmAreaStruct): string {
  const { vmFile } = vma;
  const pgoff = vmFile === undefined ? 0 : vma.vmPgoff * PAGE_SIZE;
  const dev = vmFile === undefined ? "00:00" : devName(vmFile.dev ?? 0);
  const rest = `${putHex(pgoff, 8)} ${dev} ${vmFile?.ino ?? 0}`;
  return headerLine(vma.vmStart, vma.vmEnd, vmaPerm(vma), rest, getVmaName(vma));
}

function devName(dev: number): string {
  return `${putHex(Math.floor(dev / 256), 2)}:${putHex(dev % 256, 2)}`;
}

/**
 * The line of the vsyscall page, which ends maps and heads the last block of smaps.
 * Linux fs/proc/task_mmu.c:get_gate_vma()
 */
export function gateLine(): string {
  return headerLine(VSYSCALL_ADDR, VSYSCALL_ADDR + PAGE_SIZE, "--xp", "00000000 00:00 0", "[vsyscall]");
}

/** The lines of /proc/PID/maps. Linux fs/proc/task_mmu.c:pid_maps_op */
export function pidMapsRecords(mm: MmStruct): string[] {
  return [...Array.from(mm.mmMt, showMapVma), gateLine()];
}

/** /proc/PID/maps. Linux fs/proc/task_mmu.c:pid_maps_op */
export function pidMaps(mm: MmStruct): string {
  return pidMapsRecords(mm).join("");
}
