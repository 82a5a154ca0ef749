/**
 * Step through a TLB in use: one step for each access, and one for each switch from one address space to another.
 *
 *    step 4   read 0x400000: found in L1            set 0   [ 0x400  age 1  hit ] [ 0x402  age 2 ]
 *    step 5   read 0x404000: a walk of 4 entries    set 0   [ 0x400  age 2 ] [ 0x404  age 1  new, 0x402 gave way ]
 *    step 6   switch to bob: everything dropped     set 0   [ dropped      ] [ dropped         ]
 *
 * The age says how long ago a translation was used, in places: 1 is the one used last. Where a full set gives up its
 * least recently used translation, that is the one of the greatest age. With tree-PLRU there is no age to be shown.
 *
 * The data TLB of the first level is shown, of the machine's first processor. What other processors do is told in the
 * captions and not drawn.
 *
 * Not in Linux. Read first: record.ts, draw_tlb.ts, ../hw/tlb.ts.
 */

import { hex, PAGE_SIZE } from "../hw/address.js";
import { CR4_PCIDE } from "../hw/registers.js";
import { checkArguments } from "../hw/signature.js";
import type { Tlb } from "../hw/tlb.js";
import { Machine } from "../kernel/machine.js";
import { cpuTlbState } from "../mm/pgtable/tlb_switch.js";
import { drawTlbs, type TlbCell, type TlbData, type TlbMark } from "./draw_tlb.js";
import { tlbSets } from "./mm_data.js";
import { eventText, type RecordedEvent, record } from "./record.js";
import { type Stepper, stepper } from "./stepper.js";

type Sets = TlbData["sets"];

/** What is looked at: the cells, and whose address space CR3 names. */
interface Moment {
  readonly sets: Sets;
  readonly running: string;
  /** The PCID in CR3; undefined where entries carry none. */
  readonly pcid: number | undefined;
}

const FOOT = "framed: what this step did";

/** A TLB to step through while it is used: `stepTlb(machine, () => { cpu.load(0x400000, 8); ... })`. Up to 200 steps. */
export function stepTlb(
  machine: Machine,
  act: () => void,
  options: { readonly title?: string } = {},
): Stepper {
  checkArguments("stepTlb()", { machine: Machine, act: "function", options: { title: "text" } }, [
    machine,
    act,
    options,
  ]);
  const { steps } = record(machine, act, {
    events: ["mmu:access", "tlb:tlb_flush"],
    capture: () => momentOf(machine),
  });
  const title = options.title ?? "The data TLB, first level";
  const aged = machine.cpu.mmu.l1d[1]!.trueLru ? "age 1: used last; " : "";
  const moments = steps.map(({ state, event }, i) => {
    const marks = i === 0 ? [] : marksOf(steps[i - 1]!.state.sets, state.sets, event);
    return { title, sets: state.sets, marks, foot: `${aged}${FOOT}` };
  });
  const pictures = drawTlbs(moments);
  const labels = steps.map(({ label, event, state }) => (event ? labelOf(event, state) : label));
  return stepper(pictures, (picture) => picture, { title, labels, marks: false });
}

function momentOf(machine: Machine): Moment {
  const { cpu } = machine;
  const pcid = (cpu.cr4 & CR4_PCIDE) === 0 ? undefined : cpu.cr3 % PAGE_SIZE;
  return { sets: agedSets(cpu.mmu.l1d[1]!), running: runningOn(machine), pcid };
}

/** The cells, each with its place in the order of use of its set. */
function agedSets(tlb: Tlb): Sets {
  const sets = tlbSets(tlb);
  if (!tlb.trueLru) return sets;
  return sets.map((cells, set) => {
    const stampOf = (way: number): number => tlb.stamp[set * tlb.ways + way]!;
    return cells.map((cell, way) => {
      if (cell === null) return null;
      const younger = cells.filter((other, i) => other !== null && stampOf(i) > stampOf(way)).length;
      return { ...cell, note: [cell.note, `age ${younger + 1}`].filter(Boolean).join(" ") };
    });
  });
}

/** The name of the process, or of the page table, that CR3 names. */
function runningOn(machine: Machine): string {
  const [table] = machine.pageTables.filter(({ cr3 }) => cr3 === machine.cpu.cr3);
  if (machine.pageTables.length > 0) return table?.name ?? "";
  const { loadedMm } = cpuTlbState(machine.kernel.sys, 0);
  const task = [...machine.kernel.tasks.values()].find(({ mm }) => mm === loadedMm);
  return task?.comm ?? "";
}

function isSame(a: TlbCell, b: TlbCell): boolean {
  return a.vpn === b.vpn && a.pcid === b.pcid && a.pfn === b.pfn && a.global === b.global;
}

/** What has happened to each cell since the step before. */
function marksOf(before: Sets, after: Sets, event: RecordedEvent | undefined): TlbMark[] {
  const hit = event?.name === "mmu:access" && event.fields.source === "L1";
  return after.flatMap((cells, set) =>
    cells.flatMap((cell, way): TlbMark[] => {
      const old = before[set]![way]!;
      const mark = (label: string): TlbMark[] => [{ set, way, label }];
      if (cell === null) return old === null ? [] : mark(`${hex(old.vpn)} dropped`);
      if (old === null) return mark("new");
      if (!isSame(old, cell)) return mark(`new, ${hex(old.vpn)} gave way`);
      const used = hit && cell.vpn === Math.floor(Number(event.fields.va) / PAGE_SIZE);
      return used && cell.note!.endsWith("age 1") ? mark("hit") : [];
    }),
  );
}

function labelOf(event: RecordedEvent, { running, pcid }: Moment): string {
  if (event.name === "mmu:access") {
    const found = eventText(event).replace(/^(CPU \d+: )?(user|kernel) /, "$1");
    return running === "" ? found : `${running}: ${found}`;
  }
  const { pages, reason } = event.fields;
  const what =
    pages === -1
      ? `${pcid === undefined ? "everything that is not global" : "what has this PCID"} is dropped`
      : pages === 0
        ? "nothing has to be dropped"
        : `${pages} ${pages === 1 ? "page is" : "pages are"} dropped`;
  if (reason !== 0) return `a flush: ${what}`;
  return `${running} runs now, CR3 is written${pcid === undefined ? "" : ` with PCID ${pcid}`}: ${what}`;
}
