import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import "../../lib/course/proc_export.js";
import { Ram } from "../../lib/hw/ram.js";
import { copyPageRange } from "../../lib/mm/fault/copy_page_range.js";
import { handleMmFault } from "../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE } from "../../lib/mm/fault/vm_fault.js";
import { mmInit } from "../../lib/mm/mm_init.js";
import {
  MmStruct,
  VM_ACCOUNT,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  VmAreaStruct,
} from "../../lib/mm/mm_types.js";
import { pgdAlloc } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { MemorySystem } from "../../lib/mm/system.js";
import { vmaLink } from "../../lib/mm/vma/vma.js";
import { pidOomScore } from "../../lib/procfs/base.js";
import { hasKpf, KPF_ANON, KPF_BUDDY, KPF_PGTABLE, KPF_ZERO_PAGE } from "../../lib/procfs/page.js";
import { PM_MMAP_EXCLUSIVE, PM_PRESENT, pagemapBytes } from "../../lib/procfs/pagemap.js";
import type { ProcTask } from "../../lib/procfs/proc_task.js";
import { ProcFs } from "../../lib/procfs/procfs.js";
import { showMm } from "../../lib/view/show_mm.js";

const BASE = 0x1000_0000_0000;
const FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT;

interface TestTask extends ProcTask {
  mm: MmStruct;
}

function task(sys: MemorySystem, pid: number): TestTask {
  const mm = new MmStruct(sys);
  pgdAlloc(mm);
  const ids = {
    pid,
    tgid: pid,
    ppid: 1,
    comm: "demo",
    state: "S",
    exitCode: 0,
    nrThreads: 1,
    startTimeNs: 0,
  };
  return { ...ids, mm, minFlt: 16, majFlt: 2, cminFlt: 0, cmajFlt: 0, oomScoreAdj: 0 };
}

function map(mm: MmStruct, nrPages: number, at = BASE): VmAreaStruct {
  const vma = new VmAreaStruct(mm);
  vma.vmStart = at;
  vma.vmEnd = at + nrPages * 4096;
  vma.vmPgoff = at / 4096;
  vma.vmFlags = FLAGS;
  vmaLink(vma);
  mm.totalVm += nrPages;
  mm.dataVm += nrPages;
  return vma;
}

/** Two processes: the second is a copy of the first, which wrote 3 of 4 pages and read one. */
function family() {
  const sys = new MemorySystem(new Ram(64 * 2 ** 20), { nowNs: 0, advance() {} });
  mmInit(sys);
  const parent = task(sys, 7);
  const child = task(sys, 8);
  const vma = map(parent.mm, 4);
  for (let page = 0; page < 3; page++) handleMmFault(vma, BASE + page * 4096, FAULT_FLAG_WRITE);
  handleMmFault(vma, BASE + 3 * 4096, 0);
  const tasks = [parent];
  const procfs = new ProcFs(sys, () => tasks);
  return { sys, parent, child, vma, tasks, procfs };
}

function fork({ child, vma, tasks }: ReturnType<typeof family>): void {
  const copy = map(child.mm, 4);
  copy.anonVma = vma.anonVma;
  copyPageRange(copy, vma);
  tasks.push(child);
}

describe("/proc of a process", () => {
  it("writes maps with the columns of Linux", () => {
    const { procfs } = family();
    expect(procfs.read("/proc/7/maps")).toBe(
      "100000000000-100000004000 rw-p 00000000 00:00 0 \n" +
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
    );
  });

  it("writes smaps with every line of Linux 6.18, in its order and spacing", () => {
    const { procfs } = family();
    const block = procfs.read("/proc/7/smaps").split("\n").slice(0, 24);
    expect(block.slice(1)).toEqual([
      "Size:                 16 kB",
      "KernelPageSize:        4 kB",
      "MMUPageSize:           4 kB",
      "Rss:                  12 kB",
      "Pss:                  12 kB",
      "Pss_Dirty:            12 kB",
      "Shared_Clean:          0 kB",
      "Shared_Dirty:          0 kB",
      "Private_Clean:         0 kB",
      "Private_Dirty:        12 kB",
      "Referenced:           12 kB",
      "Anonymous:            12 kB",
      "KSM:                   0 kB",
      "LazyFree:              0 kB",
      "AnonHugePages:         0 kB",
      "ShmemPmdMapped:        0 kB",
      "FilePmdMapped:         0 kB",
      "Shared_Hugetlb:        0 kB",
      "Private_Hugetlb:       0 kB",
      "Swap:                  0 kB",
      "SwapPss:               0 kB",
      "Locked:                0 kB",
      "THPeligible:           0",
    ]);
    expect(procfs.read("/proc/7/smaps")).toContain("VmFlags: rd wr mr mw me ac \n");
  });

  it("has the same lines as this computer's own smaps and status, where that is Linux", () => {
    if (!existsSync("/proc/self/smaps")) return expect(process.platform).not.toBe("linux");
    const { procfs } = family();
    const shape = (text: string): string[] =>
      text.split("\n").map((line) => line.replace(/-?\d+/g, "#").replace(/ +#/, " #"));
    const known = new Set(shape(readFileSync("/proc/self/smaps", "utf8")));
    const fields = shape(procfs.read("/proc/7/smaps")).filter((line) =>
      /^(Rss|Pss|Size|Locked|Swap|KSM|Shared|Priv)/.test(line),
    );
    const missing = fields.filter((line) => !known.has(line));
    // KSM and Pss_Dirty came with younger kernels than some that tests run on
    expect(missing.filter((line) => !/^(KSM|Pss_Dirty)/.test(line))).toEqual([]);
    const status = readFileSync("/proc/self/status", "utf8");
    for (const key of ["VmSize", "VmRSS", "RssAnon", "VmPTE"]) {
      const width = (text: string): number => new RegExp(`^${key}:\t *\\d+ kB$`, "m").exec(text)![0].length;
      expect(width(procfs.read("/proc/7/status"))).toBe(width(status));
    }
  });

  it("divides each shared page among its mappings and rounds only the sum", () => {
    const all = family();
    fork(all);
    const text = all.procfs.read("/proc/8/smaps");
    expect(text).toMatch(/^Pss: +6 kB$/m);
    expect(text).toMatch(/^Shared_Dirty: +12 kB$/m);
    expect(all.procfs.read("/proc/8/smaps_rollup")).toMatch(
      /^100000000000-100000004000 ---p 00000000 00:00 0 +\[rollup\]\nRss: +12 kB\nPss: +6 kB\n/,
    );
  });

  it("writes status, statm and stat", () => {
    const { procfs } = family();
    const status = procfs.read("/proc/7/status");
    expect(status).toContain("VmSize:\t      16 kB\n");
    expect(status).toContain("VmRSS:\t      12 kB\nRssAnon:\t      12 kB\nRssFile:\t       0 kB\n");
    expect(status).toContain("VmPTE:\t      12 kB\n");
    expect(procfs.read("/proc/7/statm")).toBe("4 3 0 0 0 4 0\n");
    const stat = procfs.read("/proc/7/stat").trim().split(" ");
    expect(stat).toHaveLength(52);
    expect([stat[0], stat[1], stat[9], stat[11], stat[22], stat[23]]).toEqual([
      "7",
      "(demo)",
      "16",
      "2",
      "16384",
      "3",
    ]);
  });

  it("tells pages, frames and counts through pagemap, kpagecount and kpageflags", () => {
    const all = family();
    const { procfs, sys } = all;
    const alone = procfs.pagemap(7, BASE, 5);
    expect(alone.map((word) => word.flags)).toEqual([
      ...[0, 1, 2].map(() => PM_PRESENT + PM_MMAP_EXCLUSIVE),
      PM_PRESENT,
      0,
    ]);
    fork(all);
    const words = procfs.pagemap(7, BASE, 4);
    expect(words[0]!.flags).toBe(PM_PRESENT);
    expect(procfs.kpagecount(words[0]!.frame)).toBe(2);
    expect(procfs.kpagecount(words[3]!.frame)).toBe(0);
    expect(hasKpf(procfs.kpageflags(words[0]!.frame), KPF_ANON)).toBe(true);
    expect(hasKpf(procfs.kpageflags(words[3]!.frame), KPF_ZERO_PAGE)).toBe(true);
    expect(hasKpf(procfs.kpageflags(all.parent.mm.pgd), KPF_PGTABLE)).toBe(true);
    const free = sys.zones
      .flatMap((zone) => zone.freeArea.flatMap((area) => area.head))
      .filter((pfn) => pfn >= 0);
    expect(free.every((pfn) => hasKpf(procfs.kpageflags(pfn), KPF_BUDDY))).toBe(true);
    const word = new DataView(pagemapBytes(words).buffer).getBigUint64(0, true);
    expect(word).toBe((1n << 63n) | BigInt(words[0]!.frame));
  });

  it("clears accessed bits through clear_refs and refuses other words", () => {
    const { procfs } = family();
    procfs.write("/proc/7/clear_refs", "1");
    expect(procfs.read("/proc/7/smaps")).toMatch(/^Referenced: +0 kB$/m);
    expect(procfs.tryWrite("/proc/7/clear_refs", "9")).toBe(-22);
    expect(procfs.tryWrite("/proc/99/clear_refs", "1")).toBe(-2);
    expect(() => procfs.write("/proc/7/clear_refs", "9")).toThrow('EINVAL: write "9" to /proc/7/clear_refs');
  });

  it("scores a process for the OOM killer as Linux does", () => {
    const { sys, parent } = family();
    sys.totalramPages = 1000;
    // Three page tables; its three pages are still with the CPU, which hands them in when they are 32.
    expect(pidOomScore(sys, parent)).toBe("668\n");
    const vma = map(parent.mm, 29, BASE + 0x10_0000);
    for (let page = 0; page < 29; page++)
      handleMmFault(vma, BASE + 0x10_0000 + page * 4096, FAULT_FLAG_WRITE);
    expect(pidOomScore(sys, parent)).toBe("690\n");
    parent.oomScoreAdj = 500;
    expect(pidOomScore(sys, parent)).toBe("1023\n");
    parent.oomScoreAdj = -1000;
    expect(pidOomScore(sys, parent)).toBe("0\n");
  });
});

describe("/proc of the machine", () => {
  const words = (text: string): string[] => text.split("\n").map((line) => line.split(/[: ]/)[0]!);

  it("counts all frames as total, free or used, and has meminfo's lines", () => {
    const { procfs, sys } = family();
    const text = procfs.read("/proc/meminfo");
    expect(text).toMatch(new RegExp(`^MemTotal: +${sys.totalramPages * 4} kB\n`));
    expect(text).toContain("AnonPages:            12 kB\n");
    expect(text).toContain("HugePages_Total:       0\n");
    expect(words(text).slice(0, 5)).toEqual(["MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached"]);
  });

  it("counts the free blocks of buddyinfo to the free pages of zoneinfo and vmstat", () => {
    const { procfs } = family();
    const free = [...procfs.read("/proc/buddyinfo").matchAll(/zone +\w+ (.*)/g)]
      .flatMap((match) =>
        match[1]!
          .trim()
          .split(/ +/)
          .map((count, order) => Number(count) * 2 ** order),
      )
      .reduce((sum, pages) => sum + pages, 0);
    const zones = [...procfs.read("/proc/zoneinfo").matchAll(/pages free +(\d+)/g)];
    expect(zones.reduce((sum, match) => sum + Number(match[1]), 0)).toBe(free);
    expect(procfs.read("/proc/vmstat")).toContain(`nr_free_pages ${free}\n`);
    expect(procfs.read("/proc/pagetypeinfo")).toContain("Page block order: 9\nPages per block:  512\n");
    expect(procfs.read("/proc/filesystems")).toContain("nodev\ttmpfs\n");
  });

  it("says ENOENT for what it does not have", () => {
    const { procfs } = family();
    expect(procfs.tryRead("/proc/nonsense")).toBe(-2);
    expect(procfs.tryRead("/proc/99/maps")).toBe(-2);
    expect(() => procfs.read("/etc/passwd")).toThrow(RangeError);
  });
});

describe("procfs.export", () => {
  const dir = mkdtempSync(join(tmpdir(), "pagewalk-proc-"));
  afterAll(() => rmSync(dir, { recursive: true }));

  it("shows the settings under /proc/sys/vm, and no others", () => {
    const { procfs } = family();
    expect(procfs.read("/proc/sys/vm/max_map_count")).toBe("65530\n");
    expect(procfs.read("/proc/sys/vm/overcommit_memory")).toBe("0\n");
    expect(() => procfs.read("/proc/sys/vm/nonsense")).toThrow(RangeError);
  });

  it("writes the files of the machine and of each process", () => {
    const { procfs } = family();
    procfs.export(dir);
    expect(readFileSync(join(dir, "7/maps"), "utf8")).toBe(procfs.read("/proc/7/maps"));
    expect(readFileSync(join(dir, "meminfo"), "utf8")).toBe(procfs.read("/proc/meminfo"));
    expect(statSync(join(dir, "kpagecount")).size).toBe((64 * 2 ** 20 * 8) / 4096);
    expect(statSync(join(dir, "7/pagemap")).blocks).toBeLessThan(64);
  });
});

describe("showMm", () => {
  it("shows each mapping with its backing and the runs of its entries", () => {
    const all = family();
    const text = String(showMm(all.parent.mm));
    expect(text).toMatch(
      /100000000000-100000004000 +\| +4 \| rw-p \| anonymous \| 0-2 write dirty [0-9a-f]+-[0-9a-f]+, 3 zero page/,
    );
    fork(all);
    expect(String(showMm(all.child.mm))).toMatch(/0-2 read dirty \(2 maps\)/);
  });
});
