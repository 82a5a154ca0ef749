import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Cpu } from "../../../lib/hw/cpu.js";
import { Ram } from "../../../lib/hw/ram.js";
import { Kernel } from "../../../lib/kernel/kernel.js";
import { sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import { sysExitGroup, sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { linearPageIndex, rmapWalk, vmaAddress } from "../../../lib/mm/fault/rmap.js";
import { type Page, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { ptePfn, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";

const BASE = 0x1000_0000_0000;
const PRIVATE_FIXED = 0x32;

function newKernel(): Kernel {
  const ram = new Ram(32 * 2 ** 20);
  const clock = new Clock();
  return new Kernel({ ram, clock, cpus: [new Cpu(0, ram, clock)] });
}

function pageAt(kernel: Kernel, task: Task, va: number): Page {
  return pfnToPage(kernel.sys, ptePfn(ptepGet(kernel.sys.ram, pteOffset(task.mm!, va))));
}

/** Tasks whose VMAs the walk visits, with the address in each. */
function walked(kernel: Kernel, page: Page): string[] {
  const found: string[] = [];
  rmapWalk(
    page.head,
    (vma, address) => {
      const task = [...kernel.tasks.values()].find(({ mm }) => mm === vma.vmMm)!;
      found.push(`${task.comm} ${(address - BASE) / 4096}`);
      return true;
    },
    undefined,
  );
  return found.sort();
}

/** A parent that has written page 2 of 4, and two children. */
function family(): { kernel: Kernel; parent: Task; a: Task; b: Task; page: Page } {
  const kernel = newKernel();
  const parent = kernel.spawn("parent");
  sysMmap(kernel, parent, BASE, 4 * 4096, 3, PRIVATE_FIXED);
  kernel.store(parent, BASE + 2 * 4096, 1, 7);
  const page = pageAt(kernel, parent, BASE + 2 * 4096);
  expect(page.anonExclusive).toBe(true);
  const a = sysFork(kernel, parent, "a") as Task;
  const b = sysFork(kernel, parent, "b") as Task;
  return { kernel, parent, a, b, page };
}

describe("the reverse map of an anonymous page", () => {
  it("leads to every process that maps it after forks", () => {
    const { kernel, page } = family();
    expect(page.mapcount).toBe(3);
    expect(page.anonExclusive).toBe(false);
    expect(walked(kernel, page)).toEqual(["a 2", "b 2", "parent 2"]);
  });

  it("counts one entry less when a child writes, and the child's copy is its own", () => {
    const { kernel, a, page } = family();
    kernel.store(a, BASE + 2 * 4096, 1, 8);
    const copy = pageAt(kernel, a, BASE + 2 * 4096);
    expect(page.mapcount).toBe(2);
    expect(copy).toMatchObject({ mapcount: 1, anonExclusive: true, index: BASE / 4096 + 2 });
    // The copy hangs on the child's own anon_vma: nobody else is asked.
    expect(walked(kernel, copy)).toEqual(["a 2"]);
  });

  it("is the last owner's own again when the others have gone and it writes", () => {
    const { kernel, parent, a, b, page } = family();
    sysExitGroup(kernel, parent, 0);
    sysExitGroup(kernel, a, 0);
    expect(page.mapcount).toBe(1);
    kernel.store(b, BASE + 2 * 4096, 1, 9);
    expect(pageAt(kernel, b, BASE + 2 * 4096)).toBe(page);
    expect(page.anonExclusive).toBe(true);
    expect(walked(kernel, page)).toEqual(["b 2"]);
  });

  it("stops when the visitor has seen enough", () => {
    const { page } = family();
    let visits = 0;
    rmapWalk(page.head, () => ++visits < 2, undefined);
    expect(visits).toBe(2);
  });
});

describe("linearPageIndex and vmaAddress", () => {
  it("are each other's inverse, also in a VMA that begins at page 5 of its file", () => {
    const { parent } = family();
    const vma = parent.mm!.mmMt.lookup(BASE)!;
    vma.vmPgoff = 5;
    expect(linearPageIndex(vma, BASE + 3 * 4096)).toBe(8);
    expect(vmaAddress(vma, 8, 1)).toBe(BASE + 3 * 4096);
    expect(vmaAddress(vma, 9, 1)).toBeUndefined(); // after its end
    expect(vmaAddress(vma, 4, 1)).toBeUndefined(); // before its start
    expect(vmaAddress(vma, 4, 4)).toBe(BASE); // a folio of pages 4-7 reaches into it
  });
});
