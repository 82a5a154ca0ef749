/**
 * Grader of lab 03. Each task first meets known hard cases, each with a sentence that says what is at stake, then random workloads on a machine
 * that runs on the learner's part, and last the recorded Linux.
 */

import { describe, it } from "vitest";
import { asErrorCode, DifferenceError, expectSame, expectSameRuns } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import { type DemandOp, demandMistake, demandOpText, runDemand } from "../../lib/course/labs/demand.js";
import {
  expectAsRecorded,
  type Focus,
  randomDemandOp,
  simplerDemandOps,
} from "../../lib/course/labs/demand_random.js";
import { type ReadFaultScene, runReadFault } from "../../lib/course/labs/read_fault.js";
import { hex } from "../../lib/hw/address.js";
import { PF_INSTR, PF_PROT, PF_USER, PF_WRITE } from "../../lib/hw/fault.js";
import { Random } from "../../lib/hw/random.js";
import { boot, type MachineParts } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SignalError } from "../../lib/kernel/signal.js";
import { classifyFault } from "../../lib/mm/fault/classify_fault.js";
import {
  VM_FAULT_HWPOISON,
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
} from "../../lib/mm/fault/vm_fault.js";
import { VM_EXEC, VM_GROWSDOWN, VM_READ, VM_SHARED, VM_WRITE, VmAreaStruct } from "../../lib/mm/mm_types.js";
import type { VmRange } from "../../lib/mm/vma/vma_tree.js";
import * as submission from "../../solutions/03-demand-paging.js";

const { remember, atLast } = gradedTasks();

/** Runs one workload on the reference machine and on one with `parts`. */
function compare(
  parts: Partial<MachineParts>,
  first: DemandOp[][],
  workloads = 0,
  focus: Focus = "rights",
): void {
  expectSameRuns<DemandOp>({
    first,
    workloads,
    length: 20,
    seed: 303,
    operation: (random, at) => randomDemandOp(random, at, focus),
    reference: (operations) => runDemand({}, operations),
    submission: (operations) => runDemand(parts, operations),
    describe: demandOpText,
    explain: demandMistake,
    simplify: simplerDemandOps,
  });
}

// ------------------------------------------------------------------ 03.1

const TWO: VmRange[] = [
  { vmStart: 0x1000, vmEnd: 0x3000 },
  { vmStart: 0x5000, vmEnd: 0x6000 },
];

function rangeText(range: VmRange | undefined): string {
  if (range === undefined) return "undefined (no VMA)";
  return `[${hex(range.vmStart)}, ${hex(range.vmEnd)})`;
}

function checkFind(vmas: readonly VmRange[], address: number, because: string): void {
  const list = vmas.length > 4 ? `${vmas.length} VMAs` : `[${vmas.map(rangeText).join(", ")}]`;
  const got = submission.findVma(vmas, address);
  const wanted = vmas.find((vma) => vma.vmEnd > address);
  if (got !== wanted)
    throw new DifferenceError(
      `findVma(${list}, ${hex(address)}) is wrong: ${because}.`,
      typeof got === "object" ? rangeText(got) : String(got),
      rangeText(wanted),
    );
}

describe("03.1 Find the VMA", () => {
  it("finds the VMA that holds the address", () => {
    for (const address of [0x1000, 0x1234, 0x2fff, 0x5000, 0x5abc])
      checkFind(TWO, address, "this VMA holds the address");
  });
  it("gives the next VMA above a gap", () => {
    for (const address of [0, 0xfff, 0x3001, 0x4000, 0x4fff])
      checkFind(
        TWO,
        address,
        "in a gap the answer is the next VMA above, the first that ends above the address",
      );
  });
  it("takes vmEnd for the first byte after a VMA", () => {
    for (const address of [0x3000, 0x6000])
      checkFind(TWO, address, "a VMA that ends AT the address does not end above it");
  });
  it("gives undefined above the last VMA, and in an empty list", () => {
    checkFind(TWO, 0x7000, "no VMA ends above this address");
    checkFind([], 0x1000, "there is no VMA at all");
  });
  it("knows addresses above 4 GiB", () => {
    const high = [0x7f12_3456_0000, 0x7f12_3456_8000].map((vmStart) => ({
      vmStart,
      vmEnd: vmStart + 0x2000,
    }));
    for (const address of [0x1000, 0x7f12_3456_1fff, 0x7f12_3456_2000, 0x7f12_3456_9fff, 0x7f12_3456_a000])
      checkFind(high, address, "addresses have 47 bits, and >> and & on numbers keep only 32");
    const mixed = [0x40_0000, 0x1_0000_1000, 0x7fff_ffff_0000].map((vmStart) => ({
      vmStart,
      vmEnd: vmStart + 0x1000,
    }));
    for (const address of [0x1000, 0x40_0fff, 0x40_1000, 0x1_0000_1800, 0x2_0000_0000])
      checkFind(mixed, address, "addresses have 47 bits, and >> and & on numbers keep only 32");
  });
  it("finds each of many", () => {
    for (let nr = 1; nr <= 20; nr++) {
      const vmas = Array.from({ length: nr }, (_, i) => ({
        vmStart: i * 0x3000,
        vmEnd: i * 0x3000 + 0x2000,
      }));
      for (let address = 0; address <= nr * 0x3000; address += 0x800)
        checkFind(vmas, address, `the list has ${nr} VMA${nr === 1 ? "" : "s"}`);
    }
  });
  it("looks at few of 65530 VMAs", () => {
    let looks = 0;
    class Counted {
      constructor(private readonly at: number) {}
      get vmStart(): number {
        looks++;
        return this.at;
      }
      get vmEnd(): number {
        looks++;
        return this.at + 0x1000;
      }
    }
    const vmas = Array.from({ length: 65530 }, (_, i) => new Counted(i * 0x2000));
    for (const index of [0, 1, 30_000, 65_529]) {
      looks = 0;
      const found = submission.findVma(vmas, index * 0x2000 + 0x10);
      const spent = looks;
      if (found !== vmas[index] || spent > 60)
        throw new DifferenceError(
          "65530 VMAs are too many to look at them one by one: every fault asks. Halve the list at each look.",
          found === vmas[index] ? `found, after reading ${spent} borders` : "another VMA",
          "the VMA, after reading at most 60 borders",
        );
    }
  });
  it("finds what the kernel finds", () => {
    const process = boot({ ram: "1 MiB" }).spawn();
    const random = new Random(301);
    for (let i = 0; i < 40; i++)
      process.mmap(4096 * random.between(1, 5), {
        at: 0x10_0000 + random.below(400) * 4096,
        fixed: true,
        prot: random.pick(["r", "rw", "x"]),
      });
    const vmas = [...process.mm.mmMt];
    for (let i = 0; i < 500; i++)
      checkFind(vmas, 0x10_0000 + random.below(420 * 4096), "the kernel finds another in its own list");
  });
});

// ------------------------------------------------------------------ 03.2

const AT = 0x40_0000;

function vmaOf(flags: number, start = AT): VmAreaStruct {
  const vma = Object.create(VmAreaStruct.prototype) as VmAreaStruct;
  return Object.assign(vma, { vmStart: start, vmEnd: start + 0x4000, vmFlags: flags });
}

function vmaText(vma: VmAreaStruct | undefined): string {
  if (vma === undefined) return "no VMA";
  const letter = (bit: number, name: string): string => ((vma.vmFlags & bit) !== 0 ? name : "-");
  const perms = letter(VM_READ, "r") + letter(VM_WRITE, "w") + letter(VM_EXEC, "x");
  const grows = (vma.vmFlags & VM_GROWSDOWN) !== 0 ? ", VM_GROWSDOWN" : "";
  return `VMA ${rangeText(vma)} ${perms}${grows}`;
}

function checkClass(
  vma: VmAreaStruct | undefined,
  address: number,
  errorCode: number,
  because?: string,
): void {
  const what = `classifyFault(${vmaText(vma)}, ${hex(address)}, ${asErrorCode(errorCode)})\nThe result`;
  const check = (): void =>
    expectSame(submission.classifyFault(vma, address, errorCode), classifyFault(vma, address, errorCode), {
      what,
      ...(because ? { because } : {}),
    });
  remember("03.2", because ?? "every combination of VMA, address and error code has one answer", check);
}

const CLASSIFIER = { classifyFault: submission.classifyFault };

function checkRights(because: string, ...workloads: DemandOp[][]): void {
  remember("03.2", because, () => compare(CLASSIFIER, workloads));
}

describe("03.2 Classify a fault", () => {
  it("says maperr where nothing is mapped", () => {
    for (const code of [PF_USER, PF_USER | PF_WRITE, PF_USER | PF_INSTR]) {
      checkClass(undefined, AT, code, "no VMA ends above the address, so nothing is mapped there");
      checkClass(
        vmaOf(VM_READ | VM_WRITE, AT),
        AT - 1,
        code,
        "the VMA starts above the address: it does not hold it",
      );
    }
    checkClass(vmaOf(VM_READ), AT, PF_USER, "the first byte belongs to the VMA");
  });
  it("says grow just below a VMA that grows down", () => {
    const stack = vmaOf(VM_READ | VM_WRITE | VM_GROWSDOWN);
    for (const code of [PF_USER, PF_USER | PF_WRITE])
      checkClass(stack, AT - 8, code, "a VMA with VM_GROWSDOWN is to be grown down to the address");
    checkClass(stack, AT + 8, PF_USER, "an address inside a stack needs no growing");
  });
  it("lets writes through where the VMA is writable", () => {
    for (const code of [PF_USER | PF_WRITE, PF_WRITE, PF_USER | PF_WRITE | PF_PROT])
      for (const flags of [VM_WRITE, VM_READ | VM_WRITE, VM_READ | VM_WRITE | VM_EXEC])
        checkClass(
          vmaOf(flags),
          AT,
          code,
          "a write to a writable VMA is good, also with P set: that is copy on write, the entry is read-only for now",
        );
  });
  it("says accerr for writes where the VMA is not writable", () => {
    for (const code of [PF_USER | PF_WRITE, PF_USER | PF_WRITE | PF_PROT])
      for (const flags of [0, VM_READ, VM_EXEC, VM_READ | VM_EXEC])
        checkClass(vmaOf(flags), AT, code, "a write needs VM_WRITE, whatever else is allowed");
  });
  it("lets reads through where anything is allowed", () => {
    for (const flags of [VM_READ, VM_WRITE, VM_EXEC, VM_READ | VM_WRITE])
      checkClass(
        vmaOf(flags),
        AT,
        PF_USER,
        "a read is good with any right: x86-64 cannot write or run what it cannot read",
      );
    for (const flags of [VM_READ, VM_READ | VM_WRITE])
      checkClass(
        vmaOf(flags),
        AT,
        PF_USER | PF_INSTR,
        "a fetch passes while no entry is present; NX speaks up later",
      );
    checkClass(vmaOf(0), AT, PF_USER, "where no access is allowed (PROT_NONE), a read is refused");
  });
  it("says accerr when a present entry refused a read or a fetch", () => {
    for (const flags of [VM_READ, VM_READ | VM_WRITE, VM_READ | VM_EXEC])
      for (const code of [PF_USER | PF_PROT, PF_USER | PF_PROT | PF_INSTR])
        checkClass(
          vmaOf(flags),
          AT,
          code,
          "with P set an entry was present and refused a read or a fetch: bringing the page in would not help",
        );
  });
  it("is right in every combination", () => {
    const vmas = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((rights) => [vmaOf(rights), vmaOf(rights | VM_GROWSDOWN)]);
    for (const vma of [undefined, ...vmas])
      for (const address of [AT - 0x1000, AT, AT + 0x3fff])
        for (let bits = 0; bits < 16; bits++)
          checkClass(vma, address, (bits & 7) | ((bits & 8) !== 0 ? PF_INSTR : 0));
  });
  it("drives a machine", () => {
    checkRights("copy on write: the zero page is mapped read-only, and the write that follows is allowed", [
      { op: "mmap", page: 0, pages: 4 },
      { op: "load", page: 1 },
      { op: "store", page: 1 },
    ]);
    checkRights("a stack grows when it is touched just below", [
      { op: "mmap", page: 20, pages: 4, growsdown: true },
      { op: "store", page: 18 },
    ]);
    checkRights("instructions may be fetched only where the VMA allows it", [
      { op: "mmap", page: 0, pages: 2 },
      { op: "fetch", page: 0 },
      { op: "mmap", page: 4, pages: 2, prot: "x" },
      { op: "fetch", page: 4 },
    ]);
  });
  it("classifies the faults of random programs", () => {
    atLast("03.2", () => compare(CLASSIFIER, [], 6, "rights"));
  });
  it("does what the recorded Linux did with rights", () => {
    atLast("03.2", () => expectAsRecorded("a07-exec-prot", CLASSIFIER));
  });
  it("does what the recorded Linux did with a growing stack", () => {
    atLast("03.2", () => expectAsRecorded("d15-growsdown", CLASSIFIER));
  });
});

// ------------------------------------------------------------------ 03.3

const ANONYMOUS = { doAnonymousPage: submission.doAnonymousPage };

function checkAnonymous(because: string, ...workloads: DemandOp[][]): void {
  remember("03.3", because, () => compare(ANONYMOUS, workloads));
}

/** How an access ends after `change` was made to the VMA. */
function endOf(parts: Partial<MachineParts>, change: (vma: VmAreaStruct, process: Process) => void): string {
  const machine = boot({ ram: "4 MiB", parts });
  machine.kernel.files.writeFile("/data/f", new Uint8Array(20 * 4096).fill(7));
  const process = machine.spawn("learner");
  process.on("SIGBUS", () => {});
  const fd = process.open("/data/f");
  const va = process.mmap(20 * 4096, parts.doReadFault === undefined ? {} : { fd, prot: "r" });
  change(process.mm.mmMt.find(va)!, process);
  const tables = process.mm.pgtablesBytes;
  const more = (): string => `${process.mm.pgtablesBytes - tables} bytes of tables more`;
  try {
    return `read ${process.load(va)}, ${process.mm.rssStat.join(" ")} pages resident, ${more()}`;
  } catch (error) {
    if (error instanceof SignalError) return `${error.signal} ${error.code}, ${more()}`;
    throw error;
  }
}

describe("03.3 An anonymous fault", () => {
  it("maps the zero page for a read", () => {
    checkAnonymous(
      "a read of memory that was never written maps the zero page: read-only, special, and counted as nobody's",
      [
        { op: "mmap", page: 0, pages: 8 },
        { op: "load", page: 3 },
      ],
      [
        { op: "mmap", page: 0, pages: 8, prot: "r" },
        { op: "load", page: 3 },
      ],
    );
  });
  it("gives a page of its own for a write", () => {
    checkAnonymous(
      "a write gets a new page, and its entry is dirty and writable, so that the write goes through at once",
      [
        { op: "mmap", page: 0, pages: 8 },
        { op: "store", page: 3 },
      ],
      [
        { op: "mmap", page: 0, pages: 8, prot: "w" },
        { op: "store", page: 3 },
      ],
    );
  });
  it("marks the entry dirty itself", () => {
    checkAnonymous(
      "mlock brings pages in as if they were written, but no instruction writes: the handler must mark the entry dirty",
      [
        { op: "mmap", page: 0, pages: 8 },
        { op: "mlock", page: 0, pages: 8 },
      ],
    );
  });
  it("gives away no secrets of other processes", () => {
    checkAnonymous(
      "a new page must be full of zeros (__GFP_ZERO): the frame still holds another process's bytes",
      [
        { op: "mmap", page: 0, pages: 8 },
        { op: "store", page: 3 },
        { op: "load", page: 3 },
      ],
    );
  });
  it("makes the table where there is none", () => {
    checkAnonymous(
      "vmf.ptep is 0 until vmfPteAlloc has made the table",
      [
        { op: "mmap", page: 20, pages: 8 },
        { op: "store", page: 23 },
        { op: "store", page: 24 },
        { op: "load", page: 22 },
      ],
      [
        { op: "mmap", page: 20, pages: 8 },
        { op: "load", page: 23 },
        { op: "load", page: 24 },
      ],
    );
  });
  it("puts the VMA's rights into the entry", () => {
    checkAnonymous(
      "vmaPageProt(vma) has NX unless the VMA may be executed",
      [
        { op: "mmap", page: 0, pages: 8, prot: "rwx" },
        { op: "store", page: 3 },
        { op: "load", page: 4 },
        { op: "fetch", page: 3 },
      ],
      [
        { op: "mmap", page: 0, pages: 8 },
        { op: "store", page: 3 },
        { op: "fetch", page: 3 },
      ],
    );
  });
  it("lets a write follow a read", () => {
    checkAnonymous("the write after a read is a second fault, which replaces the zero page", [
      { op: "mmap", page: 0, pages: 8 },
      { op: "load", page: 3 },
      { op: "store", page: 3 },
      { op: "load", page: 4 },
    ]);
  });
  it("leaves pages that can be unmapped again", () => {
    checkAnonymous(
      "what was counted is taken off again when the page goes; LRU list, reverse map and counters must agree",
      [
        { op: "mmap", page: 0, pages: 8 },
        { op: "store", page: 3 },
        { op: "load", page: 4 },
        { op: "munmap", page: 0, pages: 8 },
      ],
    );
  });
  it("answers VM_FAULT_OOM when memory runs out", () => {
    for (const after of [3, 4])
      checkAnonymous(
        after === 3
          ? "vmfPteAlloc(vmf) is false when there is no memory for a table: VM_FAULT_OOM"
          : "allocPages gives undefined when there is no memory: VM_FAULT_OOM",
        [
          { op: "mmap", page: 0, pages: 8 },
          { op: "no memory", after },
          { op: "store", page: 3 },
        ],
        ...(after === 3
          ? [
              [
                { op: "mmap", page: 0, pages: 8 },
                { op: "no memory", after },
                { op: "load", page: 3 },
              ] as DemandOp[],
            ]
          : []),
      );
  });
  it("answers VM_FAULT_SIGBUS in a shared mapping", () => {
    const share = (vma: VmAreaStruct): void => {
      vma.vmFlags |= VM_SHARED;
    };
    remember(
      "03.3",
      "a shared mapping that nobody stands behind (VM_SHARED) has no pages to give: VM_FAULT_SIGBUS, before a table is made for it",
      () => expectSame(endOf(ANONYMOUS, share), endOf({}, share), { what: "A read" }),
    );
  });
  it("serves random programs", () => {
    atLast("03.3", () => compare(ANONYMOUS, [], 6, "anonymous"));
  });
  it("does what the recorded Linux did", () => {
    atLast("03.3", () => expectAsRecorded("a01-zero-read-then-write", ANONYMOUS));
  });
  it("does what the recorded Linux did in random programs", () => {
    atLast("03.3", () => expectAsRecorded("z04-random-anon", ANONYMOUS));
  });
});

// ------------------------------------------------------------------ 03.4

const READ_FAULT = { doReadFault: submission.doReadFault };

function checkFile(because: string, ...workloads: DemandOp[][]): void {
  remember("03.4", because, () => compare(READ_FAULT, workloads));
}

function checkScene(because: string, scene: ReadFaultScene): void {
  remember("03.4", because, () =>
    expectSame(runReadFault(READ_FAULT, scene), runReadFault({}, scene), {
      what: "A read of a page of a file",
    }),
  );
}

function file(page: number, pages: number, filePage = 0): DemandOp {
  return { op: "mmap", page, pages, filePage, prot: "r" };
}

function load(page: number): DemandOp {
  return { op: "load", page };
}

describe("03.4 A read fault of a file", () => {
  it("maps the pages around that are in the cache", () => {
    checkFile(
      "one fault maps all 16 pages of the aligned 64 KiB around it",
      [file(0, 40), load(10)],
      [file(0, 40), load(23)],
    );
  });
  it("aligns the window by address, not by page of the file", () => {
    checkFile(
      "the window of 16 pages is aligned by ADDRESS: pteIndex(vmf.address) says where in it the fault is",
      [file(3, 30, 5), load(12)],
    );
    checkFile("page 24 begins a new window, and a new table", [file(0, 40), load(24), load(8)]);
  });
  it("stays inside the VMA", () => {
    checkFile("the window is cut at the first page of the VMA, which is page vma.vmPgoff of the file", [
      file(12, 20, 7),
      load(13),
    ]);
    checkFile("the window is cut at the last page of the VMA, vma.vmPgoff + vmaPages(vma) - 1", [
      file(8, 6, 7),
      load(9),
    ]);
    checkFile("`last` is included", [file(8, 1, 7), load(8)], [file(0, 40), load(8), load(23)]);
  });
  it("obeys the size of fault-around", () => {
    for (const pages of [2, 4])
      checkFile("sys.faultAroundPages is the size of the window", [
        { op: "fault around", pages },
        file(0, 40),
        load(9),
      ]);
    checkFile("with sys.faultAroundPages = 1 there is no fault-around: only the one page is mapped", [
      { op: "fault around", pages: 1 },
      file(0, 40),
      load(9),
    ]);
  });
  it("brings a missing page in", () => {
    checkFile(
      "a page that is not in the cache comes through vmOps.fault; its VM_FAULT_MAJOR and VM_FAULT_RETRY are passed on",
      [file(0, 40), { op: "drop cache" }, load(10), load(30), load(31)],
    );
  });
  it("maps what others read before", () => {
    checkFile("some pages around are in the cache and some are not, and those that are mapped already stay", [
      file(0, 40),
      load(10),
      { op: "drop cache" },
      load(2),
      load(26),
      { op: "dontneed", page: 8, pages: 8 },
      load(9),
    ]);
  });
  it("answers SIGBUS beyond the end of the file", () => {
    checkFile("beyond the end vmOps.fault returns VM_FAULT_SIGBUS, and that is the result", [
      file(0, 12, 36),
      load(3),
      load(4),
      load(9),
    ]);
    checkFile("the file became shorter", [file(0, 40), { op: "truncate", pages: 10 }, load(20), load(9)]);
  });
  it("gives the reference back when the page cannot be mapped", () => {
    checkFile("when finishFault fails nobody holds the page: folioPut, or the frame is lost for ever", [
      { op: "fault around", pages: 1 },
      file(0, 40),
      { op: "no memory", after: 3 },
      load(9),
    ]);
    checkFile("what mapPages returns is the result unless it is 0", [
      file(0, 40),
      { op: "no memory", after: 3 },
      load(9),
    ]);
  });
  it("does without fault-around where the VMA has no mapPages", () => {
    const bare = (vma: VmAreaStruct): void => {
      vma.vmOps = { fault: vma.vmOps!.fault! };
    };
    remember(
      "03.4",
      "not every vmOps has mapPages (a device's may not): then only vmOps.fault is asked",
      () =>
        expectSame(endOf(READ_FAULT, bare), endOf({ doReadFault: boot().parts.doReadFault }, bare), {
          what: "A read",
        }),
    );
  });
  it("obeys the answers of vmOps.mapPages", () => {
    const told = "what vmOps.mapPages returns is the result, unless it is 0: then vmOps.fault is asked";
    checkScene(told, { around: 16, mapPages: VM_FAULT_OOM });
    checkScene(told, { around: 16, mapPages: 0 });
    const skipped = "with a faultAroundPages of 1 vmOps.mapPages is not asked";
    checkScene(skipped, { around: 1 });
    checkScene("sys.faultAroundPages is the size of the window", { around: 2 });
  });
  it("maps nothing where vmOps.fault brought nothing", () => {
    for (const noPage of [
      VM_FAULT_NOPAGE,
      VM_FAULT_RETRY,
      VM_FAULT_NOPAGE | VM_FAULT_MAJOR,
      VM_FAULT_SIGBUS,
      VM_FAULT_OOM,
      VM_FAULT_SIGSEGV,
      VM_FAULT_HWPOISON,
    ])
      checkScene(
        "with VM_FAULT_ERROR, VM_FAULT_NOPAGE or VM_FAULT_RETRY there is no page to map: the result of vmOps.fault is yours",
        { around: 1, noPage },
      );
  });
  it("returns the bits of both", () => {
    for (const withPage of [VM_FAULT_MAJOR, VM_FAULT_LOCKED])
      checkScene("the result has the bits of vmOps.fault and those of finishFault", { around: 1, withPage });
  });
  it("gives the reference back when the entry is filled already", () => {
    checkScene(
      "another thread was faster, and finishFault returns VM_FAULT_NOPAGE: the reference of the page's folio goes back (pageFolio, folioPut)",
      { around: 1, filledMeanwhile: true },
    );
    checkScene("the result has the bits of vmOps.fault and those of finishFault", {
      around: 1,
      filledMeanwhile: true,
      withPage: VM_FAULT_MAJOR,
    });
  });
  it("serves random programs", () => {
    atLast("03.4", () => compare(READ_FAULT, [], 6, "file"));
  });
  it("does what the recorded Linux did with a warm cache", () => {
    atLast("03.4", () => expectAsRecorded("b01-fault-around-warm", READ_FAULT));
  });
  it("does what the recorded Linux did with a cold cache", () => {
    atLast("03.4", () => expectAsRecorded("b17-cold-readahead", READ_FAULT));
  });
});

// ------------------------------------------------------------------ 03.5

const MLOCK = { doMlock: submission.doMlock };

function checkLock(because: string, ...workloads: DemandOp[][]): void {
  remember("03.5", because, () => compare(MLOCK, workloads));
}

const EIGHT: DemandOp = { op: "mmap", page: 0, pages: 8 };

function mlock(page: number, pages: number, onfault = false): DemandOp {
  return { op: "mlock", page, pages, onfault };
}

describe("03.5 Lock pages", () => {
  it("locks a mapping and brings its pages in", () => {
    checkLock(
      "the VMA gets VM_LOCKED, and every page is brought in and marked",
      [EIGHT, mlock(0, 8)],
      [EIGHT, { op: "store", page: 2 }, { op: "load", page: 3 }, mlock(0, 8)],
      [{ ...EIGHT, prot: "r" } as DemandOp, mlock(0, 8)],
    );
  });
  it("locks every page that the bytes touch", () => {
    for (const [offset, bytes] of [
      [0, 1],
      [100, 4000],
      [4095, 2],
      [100, 3996],
      [1, 4096],
    ] as const)
      checkLock("mlock counts in pages: from the page of the first byte to the page of the last one", [
        EIGHT,
        { op: "mlock", page: 2, pages: 1, offset, bytes },
      ]);
    checkLock("no bytes, no pages", [EIGHT, { op: "mlock", page: 2, pages: 0, bytes: 0 }]);
  });
  it("locks a part of a mapping", () => {
    checkLock(
      "only the pages asked for are locked: mlockFixup splits the VMA",
      [EIGHT, mlock(2, 3)],
      [EIGHT, mlock(0, 3)],
      [EIGHT, mlock(5, 3)],
    );
  });
  it("goes through all mappings of the range", () => {
    checkLock("a range may cover several VMAs: go on where the changed one ends", [
      { op: "mmap", page: 0, pages: 4 },
      { op: "mmap", page: 4, pages: 4, prot: "r" },
      { op: "mmap", page: 8, pages: 4, filePage: 3, prot: "r" },
      mlock(2, 8),
    ]);
  });
  it("answers ENOMEM at a hole, and keeps what lies before it", () => {
    const holed: DemandOp[] = [
      { op: "mmap", page: 0, pages: 2 },
      { op: "mmap", page: 4, pages: 4 },
    ];
    checkLock(
      "a hole in the range is -ENOMEM, but the VMAs before it stay locked, and no page is brought in",
      [...holed, mlock(0, 8)],
      [...holed, mlock(2, 4)],
      [...holed, mlock(5, 8)],
      [...holed, mlock(20, 2)],
    );
  });
  it("locks on fault", () => {
    checkLock("`flags` replace both lock bits; with VM_LOCKONFAULT mmPopulate brings nothing in", [
      EIGHT,
      mlock(0, 4, true),
      { op: "store", page: 1 },
    ]);
    checkLock(
      "a second mlock replaces both lock bits (VM_LOCKED_MASK), it does not add to them",
      [EIGHT, mlock(0, 4, true), mlock(0, 4)],
      [EIGHT, mlock(0, 4), mlock(0, 4, true)],
    );
  });
  it("joins what becomes equal", () => {
    checkLock(
      "`prev` is the VMA right before the piece, which may be merged with it",
      [EIGHT, mlock(0, 4), mlock(4, 4)],
      [EIGHT, mlock(4, 4), mlock(0, 4)],
      [EIGHT, mlock(0, 2), mlock(5, 3), mlock(2, 3)],
      [EIGHT, mlock(4, 4, true), mlock(0, 8)],
    );
  });
  it("obeys RLIMIT_MEMLOCK", () => {
    const limit = (pages: number, more = 0): DemandOp => ({ op: "limit", bytes: pages * 4096 + more });
    checkLock(
      "more pages than the limit allows are -ENOMEM, and nothing changes",
      [EIGHT, limit(4), mlock(0, 5)],
      [EIGHT, limit(4), mlock(0, 4)],
    );
    checkLock(
      "the limit is rounded down to whole pages",
      [EIGHT, limit(3, 4095), mlock(0, 4)],
      [EIGHT, limit(3, 4095), mlock(0, 3)],
    );
    checkLock("pages that are locked already count", [EIGHT, limit(4), mlock(0, 2), mlock(5, 3)]);
    checkLock(
      "pages of the range that are locked already do not count twice",
      [EIGHT, limit(4), mlock(0, 4), mlock(0, 4)],
      [EIGHT, limit(4), mlock(0, 2), mlock(1, 3)],
      [EIGHT, limit(4), mlock(4, 4), mlock(2, 3)],
    );
    checkLock(
      "of a mapping that is locked already, only its pages inside the range do not come on top",
      [EIGHT, limit(4), mlock(0, 2), mlock(0, 8)],
      [EIGHT, limit(7), mlock(0, 4), mlock(2, 6)],
      [EIGHT, limit(7), mlock(4, 4), mlock(0, 6)],
      [EIGHT, limit(6), mlock(1, 4), mlock(2, 2), mlock(5, 2)],
    );
    checkLock("a limit of 0 is -EPERM: such a process may not lock at all", [EIGHT, limit(0), mlock(0, 1)]);
    checkLock(
      "CAP_IPC_LOCK knows no limit",
      [EIGHT, { op: "limit", bytes: 4096, privileged: true }, mlock(0, 8)],
      [EIGHT, { op: "limit", bytes: 0, privileged: true }, mlock(0, 8)],
    );
  });
  it("passes on what mlockFixup refuses", () => {
    const noMoreMaps: DemandOp = { op: "map limit", more: 0 };
    checkLock(
      "mlockFixup may return a negative errno (a VMA that must be split, and no mapping more is allowed): it is the result",
      [EIGHT, noMoreMaps, mlock(2, 3)],
      [EIGHT, { op: "mmap", page: 8, pages: 4, prot: "r" }, noMoreMaps, mlock(4, 6)],
      [EIGHT, noMoreMaps, mlock(0, 8)],
    );
  });
  it("turns the errors of mmPopulate into those of mlock", () => {
    checkLock("-EFAULT of mmPopulate (nothing may be read there) becomes -ENOMEM; the lock stays", [
      { op: "mmap", page: 0, pages: 8, prot: "" },
      mlock(0, 8),
    ]);
    checkLock("-ENOMEM of mmPopulate becomes -EAGAIN: it may work later", [
      EIGHT,
      { op: "no memory", after: 4 },
      mlock(0, 8),
    ]);
  });
  it("serves random programs", () => {
    atLast("03.5", () => compare(MLOCK, [], 6, "lock"));
  });
  it("does what the recorded Linux did", () => {
    atLast("03.5", () => expectAsRecorded("f06-mlock-munmap-mprotect", MLOCK));
  });
  it("does what the recorded Linux did on fault", () => {
    atLast("03.5", () => expectAsRecorded("f03-mlock-onfault", MLOCK));
  });
});
