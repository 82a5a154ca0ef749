import { beforeEach, describe, expect, it } from "vitest";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { boot } from "../../../lib/kernel/machine.js";
import { sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { VM_FAULT_LOCKED, VM_FAULT_OOM, VM_FAULT_SIGBUS, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { shmemFault, vmaIsAnonShmem } from "../../../lib/mm/filemap/shmem.js";
import { MM_SHMEMPAGES, type VmAreaStruct } from "../../../lib/mm/mm_types.js";

const BASE = 0x1000_0000_0000;
const PAGE = 4096;

let kernel: Kernel;
let task: Task;
let vma: VmAreaStruct;

beforeEach(() => {
  kernel = boot({ ram: "64 MiB" }).kernel;
  task = kernel.spawn("t");
  expect(sysMmap(kernel, task, BASE, 4 * PAGE, 3, 0x31)).toBe(BASE);
  vma = task.mm!.mmMt.lookup(BASE)!;
});

describe("anonymous shared memory", () => {
  it("is a file of the mapping's size, promised as a whole", () => {
    expect(vmaIsAnonShmem(vma)).toBe(true);
    expect(vma.vmFile!.fMapping.host).toMatchObject({ iSize: 4 * PAGE, accountedPages: 4 });
  });

  it("gets a page of zeros at the first read, which counts as shmem", () => {
    expect(task.load(BASE + PAGE, 1)).toBe(0);
    expect([...vma.vmFile!.fMapping.pages.keys()]).toEqual([1]);
    expect(task.mm!.rssStat[MM_SHMEMPAGES]).toBe(1);
  });

  it("is one for parent and child", () => {
    const child = sysFork(kernel, task) as Task;
    child.store(BASE, 1, 7);
    expect(task.load(BASE, 1)).toBe(7);
  });
});

describe("shmemFault", () => {
  it("finds the same page again, and takes a reference each time", () => {
    const vmf = new VmFault(vma, BASE, 0);
    expect(shmemFault(vmf)).toBe(VM_FAULT_LOCKED);
    const page = vmf.page!;
    const { refcount } = page;
    expect(shmemFault(vmf)).toBe(VM_FAULT_LOCKED);
    expect([vmf.page, page.refcount]).toEqual([page, refcount + 1]);
  });

  it("is SIGBUS behind the end, and out of memory without a frame", () => {
    const { host } = vma.vmFile!.fMapping;
    kernel.sys.shouldFailAllocPage = () => true;
    expect(shmemFault(new VmFault(vma, BASE, 0))).toBe(VM_FAULT_OOM);
    host.iSize = PAGE;
    expect(shmemFault(new VmFault(vma, BASE + PAGE, 0))).toBe(VM_FAULT_SIGBUS);
  });
});
