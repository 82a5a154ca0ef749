/**
 * Test bench of lab 03.4 for what files of this machine do not do by themselves: their operations (vmOps)
 * answer what the bench wants, as those of another file system or of a device may.
 *
 *   process.load(page) --> doReadFault --> vmOps.mapPages   asked or not, for which pages; answers 0 or bits
 *                                      --> vmOps.fault      answers the wanted bits, or fills the entry itself
 *
 * The file is in the cache in folios of several pages. Not in Linux: a helper of the course.
 * Read first: demand.ts.
 */

import type { VfsFile } from "../../fs/inode.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { boot, type MachineParts } from "../../kernel/machine.js";
import { SignalError } from "../../kernel/signal.js";
import {
  VM_FAULT_FALLBACK,
  VM_FAULT_HWPOISON,
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  type VmFault,
} from "../../mm/fault/vm_fault.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import { pfnPte, pteMkspecial, setPte, vmaPageProt } from "../../mm/pgtable/pgtable.js";
import { vmfPteAlloc } from "../../mm/pgtable/pgtable_alloc.js";
import { isNotWrittenYet } from "../exercises/not_written_yet.js";

const BITS: [number, string][] = [
  [VM_FAULT_OOM, "VM_FAULT_OOM"],
  [VM_FAULT_FALLBACK, "VM_FAULT_FALLBACK"],
  [VM_FAULT_SIGBUS, "VM_FAULT_SIGBUS"],
  [VM_FAULT_MAJOR, "VM_FAULT_MAJOR"],
  [VM_FAULT_HWPOISON, "VM_FAULT_HWPOISON"],
  [VM_FAULT_SIGSEGV, "VM_FAULT_SIGSEGV"],
  [VM_FAULT_NOPAGE, "VM_FAULT_NOPAGE"],
  [VM_FAULT_LOCKED, "VM_FAULT_LOCKED"],
  [VM_FAULT_RETRY, "VM_FAULT_RETRY"],
];

/**
 * The result of a fault handler in Linux's names: "VM_FAULT_MAJOR | VM_FAULT_RETRY", or what it is if it is
 * no number.
 */
export function faultText(result: unknown): string {
  if (typeof result !== "number") return String(result);
  const words = BITS.filter(([bit]) => (result & bit) !== 0).map(([, name]) => name);
  const rest = BITS.reduce((left, [bit]) => left & ~bit, result);
  if (rest !== 0) words.push(String(rest));
  return words.join(" | ") || "0";
}

/** What the file's operations answer at the first fault. */
export interface ReadFaultScene {
  /** fault_around_bytes in pages. */
  around: number;
  /** Bits that vmOps.fault answers without a page. */
  noPage?: number;
  /** Bits that vmOps.fault answers together with the page. */
  withPage?: number;
  /** Another thread fills the entry while vmOps.fault waits. */
  filledMeanwhile?: boolean;
  /** What vmOps.mapPages answers; it then maps nothing. */
  mapPages?: number;
}

/** What is to be seen of one read, by name. */
type ReadFaultReport = Record<string, unknown>;

const FILE_PAGES = 12;
/** The second page of a folio of four. */
const PAGE = 5;

/** One read of a page of a file whose operations play `scene`. */
export function runReadFault(parts: Partial<MachineParts>, scene: ReadFaultScene): ReadFaultReport {
  const machine = boot({ ram: "2 MiB", parts });
  const { kernel } = machine;
  const { sys } = kernel;
  kernel.files.writeFile("/data", new Uint8Array(FILE_PAGES * PAGE_SIZE).fill(7));
  const process = machine.spawn("learner");
  for (const signal of ["SIGBUS", "SIGSEGV"] as const) process.on(signal, () => {});
  const fd = process.open("/data");
  const file = process.task.files.get(fd) as VfsFile;
  const buffer = process.mmap(PAGE_SIZE);
  process.dropCache(fd);
  for (let page = 0; page < 8; page++) process.read(fd, buffer, PAGE_SIZE);
  sys.faultAroundPages = scene.around;
  const va = process.mmap(FILE_PAGES * PAGE_SIZE, { fd, prot: "r" });
  const report: ReadFaultReport = { returned: [], mapPages: [], faults: 0 };
  play(process.mm.mmMt.find(va)!, scene, report);
  const { doReadFault } = sys.parts;
  sys.parts = {
    ...sys.parts,
    doReadFault: (vmf) => {
      const result = doReadFault(vmf);
      (report.returned as string[]).push(faultText(result));
      return result;
    },
  };
  try {
    report.read = process.load(va + PAGE * PAGE_SIZE);
  } catch (error) {
    if (isNotWrittenYet(error)) throw error;
    report.read = error instanceof SignalError ? error.signal : `it threw ${String(error)}`;
  }
  lruAddDrainAll(sys);
  report.refcount = file.fMapping.pages.get(PAGE)?.refcount;
  return report;
}

/**
 * Puts the operations of `scene` in the place of the file's own; from the second fault on they are the file's
 * own again.
 */
function play(vma: VmFault["vma"], scene: ReadFaultScene, report: ReadFaultReport): void {
  const own = vma.vmOps!;
  const { noPage, withPage, filledMeanwhile, mapPages } = scene;
  vma.vmOps = {
    ...own,
    mapPages(vmf, first, last) {
      (report.mapPages as string[]).push(`pages ${first} to ${last}`);
      return mapPages ?? own.mapPages!(vmf, first, last);
    },
    fault(vmf) {
      report.faults = (report.faults as number) + 1;
      if (report.faults === 1 && noPage !== undefined) return noPage;
      const result = own.fault!(vmf);
      if (report.faults !== 1) return result;
      if (filledMeanwhile) fill(vmf);
      return result | (withPage ?? 0);
    },
  };
}

/** As another thread would: the entry leads somewhere already. */
function fill(vmf: VmFault): void {
  const { sys } = vmf.vma.vmMm;
  vmfPteAlloc(vmf);
  setPte(sys.ram, vmf.ptep, pteMkspecial(pfnPte(sys.zeroPfn, vmaPageProt(vmf.vma))));
}
