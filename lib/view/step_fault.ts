/**
 * Step through one page fault: from the walk that fails to the access that goes through.
 *
 *    mmu:access                   the walk ends at an entry that does not allow the access
 *    exceptions:page_fault_user   the kernel is entered, with the address in CR2
 *    handle_mm_fault {            the VMA is found, and allows the access
 *      do_anonymous_page {        which handler it is
 *        mm_page_alloc            a frame is taken from the free ones; it holds what its last owner left
 *        clear_page               it is filled with zeros
 *      }                          the entry is written
 *    }                            the fault is counted
 *    mmu:access                   the same instruction again: the walk succeeds, and the TLB keeps what it found
 *
 * The steps are the machine's events; none is written down here. So the path of a read, of a file or of a
 * copy on write is another one.
 *
 * Not in Linux. Read first: record.ts, draw_fault.ts, ../kernel/fault.ts.
 */

import type { Pfn, Vaddr } from "../hw/address.js";
import { hex, PAGE_SIZE } from "../hw/address.js";
import { entryText } from "../hw/entry.js";
import { type Explanation, errorCodeText, explainWalk } from "../hw/explain.js";
import { ACCESS_FETCH, ACCESS_READ, ACCESS_USER, ACCESS_WRITE } from "../hw/fault.js";
import { linuxPaging } from "../hw/registers.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import type { Task } from "../kernel/task.js";
import { VM_FAULT_RETRY } from "../mm/fault/vm_fault.js";
import { getMmRss, type MmStruct } from "../mm/mm_types.js";
import { PGTY_table, pfnToPage } from "../mm/pages/folio.js";
import { vmaPerm } from "../procfs/task_mmu.js";
import { drawFault, type FaultBox, type FaultData } from "./draw_fault.js";
import { type RecordedEvent, record } from "./record.js";
import { type Stepper, stepper } from "./stepper.js";

const EVENTS = [
  ...["mmu:access", "exceptions:*", "kmem:mm_page_alloc", "pagewalk:clear_page"],
  ...["ftrace:funcgraph_entry", "handle_mm_fault()", "do_anonymous_page()", "do_fault()", "do_wp_page()"],
  ...["readahead:page_cache_ra_order", "filemap:mm_filemap_map_pages"],
];

/** What is known of the fault while it goes on: events tell it bit by bit. */
interface Focus {
  access: string;
  va: Vaddr;
  task: Task;
  mm: MmStruct;
  errorCode: number | undefined;
  /** Traced functions that have begun and not ended. */
  stack: string[];
  /** The frame taken last. */
  taken: Pfn | undefined;
  inKernel: boolean;
  /** handle_mm_fault has ended. */
  handled: boolean;
}

/**
 * One page fault to step through: `stepFault(machine, () => bob.store(va, 1, 1))`. RangeError unless `access`
 * takes exactly one fault. An error that `access` throws goes on to the caller.
 */
export function stepFault(
  machine: Machine,
  access: () => void,
  options: { readonly title?: string } = {},
): Stepper {
  checkArguments("stepFault()", { machine: Machine, access: "function", options: { title: "text" } }, [
    machine,
    access,
    options,
  ]);
  const title = options.title ?? "One page fault";
  let focus: Focus | undefined;
  const { steps } = record(machine, access, {
    events: EVENTS,
    capture: (event) => {
      focus = event === undefined ? focus : follow(machine, focus, event);
      return focus === undefined ? undefined : momentOf(machine, title, focus);
    },
  });
  const faults = steps.filter(({ event }) => event?.name.startsWith("exceptions:")).length;
  if (faults !== 1)
    throw new RangeError(
      `stepFault() shows one page fault; the access took ${faults === 0 ? "none" : faults}`,
    );
  // The frames of a file come by the dozen: readahead tells of them in one step.
  const told = steps.filter(({ event, state }) => !state?.inFile || !FRAMES.test(event?.name ?? ""));
  const moments = told.flatMap(({ state }) => state ?? []);
  const events = told.filter(({ state }) => state !== undefined).map(({ event }) => event);
  const labels = moments.map((moment, i) => labelOf(machine, events[i], moment));
  return stepper(
    moments.map(({ data }) => data),
    drawFault,
    { title, labels },
  );
}

/** So many bytes of the frame are shown, from the address on. */
const BYTES = 6;
const FRAMES = /^(kmem:mm_page_alloc|pagewalk:clear_page)$/;

/** One moment, drawn and told. */
interface Moment {
  readonly data: FaultData;
  /** In the middle of a file's fault. */
  readonly inFile: boolean;
  /** The last entry of the walk is empty. */
  readonly empty: boolean;
}

function momentOf(machine: Machine, title: string, focus: Focus): Moment {
  const walk = explainWalk(machine.ram, linuxPaging(focus.mm.pgd), focus.va, accessOf(focus.access));
  const empty = walk.steps[walk.steps.length - 1]!.entry === 0n;
  return { data: dataOf(machine, title, focus, walk), inFile: focus.stack.includes("do_fault"), empty };
}

/** ACCESS_ bits of "user write". */
function accessOf(text: string): number {
  const kind = /write/.test(text) ? ACCESS_WRITE : /fetch/.test(text) ? ACCESS_FETCH : ACCESS_READ;
  return kind | (/user/.test(text) ? ACCESS_USER : 0);
}

/** Notes what an event tells. */
function follow(
  machine: Machine,
  before: Focus | undefined,
  { name, fields }: RecordedEvent,
): Focus | undefined {
  if (before === undefined) return fields.source === "fault" ? begin(machine, fields) : undefined;
  const focus = { ...before, stack: [...before.stack] };
  if (name.startsWith("exceptions:")) {
    focus.inKernel = true;
    focus.errorCode = Number(fields.error_code);
  }
  if (name === "ftrace:funcgraph_entry") focus.stack.push(String(fields.func));
  if (name.endsWith("()")) focus.stack.pop();
  focus.handled ||= name === "handle_mm_fault()";
  // What handle_mm_fault takes itself are tables.
  if (name === "kmem:mm_page_alloc" && focus.stack.length > 1) focus.taken = Number(fields.pfn);
  if (name === "mmu:access") focus.inKernel = false;
  return focus;
}

function begin(machine: Machine, { access, va }: RecordedEvent["fields"]): Focus | undefined {
  const { current } = machine.kernel;
  if (current?.mm === undefined) return undefined;
  const known = { access: String(access), va: Number(va), task: current, mm: current.mm };
  return { ...known, errorCode: undefined, stack: [], taken: undefined, inKernel: false, handled: false };
}

function dataOf(machine: Machine, title: string, focus: Focus, walk: Explanation): FaultData {
  const boxes = [
    processorBox(machine, focus),
    kernelBox(focus),
    booksBox(focus),
    tlbBox(machine, focus),
    tableBox(walk),
    ramBox(machine, focus, walk),
  ];
  return { title, boxes, mapped: walk.pa !== undefined };
}

function processorBox(machine: Machine, focus: Focus): FaultBox {
  const { access, va, errorCode, inKernel } = focus;
  return {
    heading: "Processor",
    lines: [
      ["mode", inKernel ? "kernel" : "user"],
      ["wants", `${access.replace(/^user /, "")} ${hex(va)}`],
      ["CR2", errorCode === undefined ? "-" : hex(machine.cpu.cr2)],
      ["error code", errorCode === undefined ? "-" : `${hex(errorCode)} (${errorCodeText(errorCode)})`],
    ],
  };
}

function kernelBox({ mm, va, stack, errorCode, inKernel, handled }: Focus): FaultBox {
  const vma = stack.length > 0 || handled ? mm.mmMt.find(va) : undefined;
  const area = vma === undefined || !inKernel ? "-" : `${hex(vma.vmStart)} ${vmaPerm(vma)}`;
  const doing = !inKernel ? "does not run" : handled ? "returns to the program" : "looks for the VMA";
  const calls = stack.map((func, depth): [string, string] => ["", `${"  ".repeat(depth)}${func}`]);
  const lines = errorCode === undefined || calls.length === 0 ? [["", doing] as [string, string]] : calls;
  return { heading: "Kernel", lines: [["VMA", area], ...lines] };
}

function booksBox({ task, mm }: Focus): FaultBox {
  const rss = getMmRss(mm);
  const free = mm.sys.zones.reduce((sum, zone) => sum + zone.nrFreePages, 0);
  return {
    heading: `The kernel's books of ${task.comm}`,
    lines: [
      ["minor faults", String(task.minFlt)],
      ["major faults", String(task.majFlt)],
      ["RSS", rss === 1 ? "1 page" : `${rss} pages`],
      ["free in all", `${free} frames`],
    ],
  };
}

function tlbBox(machine: Machine, { va }: Focus): FaultBox {
  const vpn = Math.floor(va / PAGE_SIZE);
  const entry = machine.cpu.mmu.l1d[1]!.entries().find((one) => one.vpn === vpn);
  const held = entry === undefined ? "nothing" : `frame ${hex(entry.pfn)}`;
  return {
    heading: "TLB",
    lines: [
      ["page", hex(vpn)],
      ["holds", held],
    ],
  };
}

function tableBox({ steps }: Explanation): FaultBox {
  const { level, index, entry, tablePfn } = steps[steps.length - 1]!;
  const [pfn, flags] = entryText(entry).split(/ (?=P\b)/);
  return {
    heading: "Page table: the walk's last entry",
    lines: [
      ["entry", `${index} of level ${level}`],
      ["in frame", hex(tablePfn)],
      ["holds", pfn!],
      ["", flags ?? ""],
    ],
  };
}

function ramBox(machine: Machine, { va, taken }: Focus, { pa }: Explanation): FaultBox {
  const pfn = pa === undefined ? taken : Math.floor(pa / PAGE_SIZE);
  if (pfn === undefined) return { heading: "RAM", lines: [["frame", "none yet"]] };
  const at = Math.min(va % PAGE_SIZE, PAGE_SIZE - BYTES);
  const bytes = [...machine.ram.frame(pfn).subarray(at, at + BYTES)];
  const hexadecimal = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return {
    heading: "RAM",
    lines: [
      ["frame", hex(pfn)],
      ["bytes", hexadecimal],
      ["as text", text],
    ],
  };
}

/** What each handler is chosen for. */
const HANDLERS: Readonly<Record<string, string>> = {
  do_anonymous_page: "the entry is empty, and no file is behind it",
  do_fault: "the entry is empty, and a file is behind it",
  do_wp_page: "the entry is there, and does not allow a write",
};

function labelOf(machine: Machine, event: RecordedEvent | undefined, moment: Moment): string {
  if (event === undefined) return "the access is done";
  const { name, fields } = event;
  if (name === "mmu:access")
    return fields.source === "fault"
      ? `the processor walks to an entry that ${moment.empty ? "is empty" : "does not allow the access"}`
      : "the same instruction again: the walk succeeds, and the TLB keeps what it found";
  if (name.startsWith("exceptions:"))
    return "exception 14: the processor enters the kernel, and leaves the address in CR2";
  if (FRAMES.test(name)) return frameText(machine, name, Number(fields.pfn));
  if (name.startsWith("readahead:"))
    return `readahead asks the disk for ${fields.size} pages, from page ${fields.index} on`;
  if (name.startsWith("filemap:"))
    return `fault-around maps what the cache has of pages ${fields.index} to ${fields.last_index}`;
  return functionText(name, fields, moment);
}

function frameText({ kernel }: Machine, name: string, pfn: Pfn): string {
  const what = pfnToPage(kernel.sys, pfn).pageType === PGTY_table ? "for a table" : "for the page";
  return name === "kmem:mm_page_alloc"
    ? `frame ${hex(pfn)} is taken ${what}: it holds what its last owner left`
    : `frame ${hex(pfn)} is filled with zeros`;
}

function functionText(name: string, fields: RecordedEvent["fields"], { data }: Moment): string {
  const begins = name === "ftrace:funcgraph_entry";
  const func = begins ? String(fields.func) : name.slice(0, -2);
  if (begins && func === "handle_mm_fault")
    return "the VMA is found and allows the access: handle_mm_fault begins";
  if (begins) return `${func} begins: ${HANDLERS[func] ?? "the handler"}`;
  const again = (Number(fields.ret) & VM_FAULT_RETRY) !== 0;
  const done = data.mapped ? "the entry is written" : "nothing is mapped";
  if (func !== "handle_mm_fault") return `${func} ends: ${again ? "the page is on its way" : done}`;
  return `${func} ends: ${again ? "all is looked up again" : "the fault is counted, the program may go on"}`;
}
