/**
 * Explain: one walk of one address, slowly and in words, without changing anything.
 *
 *   0x401abc = 0b  000000000 000000000 000000010 000000001 101010111100
 *                  level 4   level 3   level 2   level 1   offset
 *                  0         0         2         1         0xabc
 *   1. level 4: table in frame 0x1, entry 0 at 0x1000 = 0x0000000000002007   -> table in frame 0x2
 *   ...
 *   physical address 0x8abc
 *
 * The machine's own walker reports each entry that it reads (see WalkWatch); this file adds the address's
 * bits, what each entry allows, what all levels together allow, and why the walk ended where it did. A
 * learner's walker need not report anything: `explain` always uses the processor's.
 *
 * The result is plain data (a picture of it: drawWalk in lib/view), and text.
 *
 * Read first: walk.ts, protection.ts.
 */

import type { Vaddr } from "./address.js";
import { hex, PAGE_SIZE } from "./address.js";
import { entryText, PAGE_NX, PAGE_RW, PAGE_USER } from "./entry.js";
import {
  ACCESS_READ,
  accessText,
  type Fault,
  PF_INSTR,
  PF_PROT,
  PF_RSVD,
  PF_USER,
  PF_WRITE,
} from "./fault.js";
import { entrySpan, type TableLevels } from "./page_table.js";
import { Ram } from "./ram.js";
import type { Paging } from "./registers.js";
import { checkArguments } from "./signature.js";
import type { WalkStep, WalkWatch } from "./translation.js";
import { walk } from "./walk.js";

/** A run of bits of an address, `low` to `high`, and what they select. */
export interface AddressField {
  /** "level 4" to "level 1", "offset", or "sign" for the bits that only repeat the highest translated one. */
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly value: number;
  /** The bits, highest first. */
  readonly bits: string;
}

/** What a step's entry adds to the walk. */
export interface ExplainedStep extends WalkStep {
  /** The entry in words. */
  readonly meaning: string;
  /** What all entries up to this one allow together. */
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
}

/** Everything about one walk. */
export interface Explanation {
  readonly va: Vaddr;
  /** ACCESS_ bits of the access that was tried. */
  readonly access: number;
  readonly levels: number;
  /** Frame of the top table. */
  readonly rootPfn: number;
  readonly fields: readonly AddressField[];
  readonly steps: readonly ExplainedStep[];
  /** Where the walk led; undefined when it faulted. */
  readonly pa: number | undefined;
  /** Bytes of the page that maps the address. */
  readonly pageBytes: number | undefined;
  readonly fault: Fault | undefined;
  /** The end of the walk in a sentence. */
  readonly verdict: string;
  toString(): string;
}

/** The names of the error code's bits that are set: "P W U". Intel SDM vol. 3A, Page-Fault Exceptions */
export function errorCodeText(errorCode: number): string {
  checkArguments("errorCodeText()", { errorCode: "count" }, [errorCode]);
  const names: [number, string][] = [
    [PF_PROT, "P"],
    [PF_WRITE, "W"],
    [PF_USER, "U"],
    [PF_RSVD, "RSVD"],
    [PF_INSTR, "I"],
  ];
  const set = names.filter(([bit]) => errorCode & bit).map(([, name]) => name);
  return set.length === 0 ? "no bit set" : set.join(" ");
}

/**
 * `va` cut into the bits that each of `levels` levels uses, highest first. `leafLevel` is 1 for a 4 KiB page;
 * a larger page has fewer index fields and a longer offset. Intel SDM vol. 3A, 4-Level Paging
 */
export function addressFields(va: Vaddr, levels: TableLevels, leafLevel = 1): AddressField[] {
  checkArguments("addressFields()", { va: "integer", levels: "levels", leafLevel: "page level?" }, [
    va,
    levels,
    leafLevel,
  ]);
  const addressBits = levels === 2 ? 32 : 64;
  const indexBits = levels === 2 ? 10 : 9;
  const all = BigInt.asUintN(addressBits, BigInt(va)).toString(2).padStart(addressBits, "0");
  const field = (name: string, high: number, low: number): AddressField => {
    const bits = all.slice(addressBits - 1 - high, addressBits - low);
    return { name, high, low, value: Number.parseInt(bits, 2), bits };
  };
  const lowOf = (level: number): number => 12 + (level - 1) * indexBits;
  const fields: AddressField[] = [];
  if (levels !== 2) fields.push(field("sign", 63, lowOf(levels + 1)));
  for (let level = levels as number; level >= leafLevel; level--)
    fields.push(field(`level ${level}`, lowOf(level + 1) - 1, lowOf(level)));
  fields.push(field("offset", lowOf(leafLevel) - 1, 0));
  return fields;
}

/**
 * Walks `va` for `access` (ACCESS_ bits; a supervisor read by default) through the tables of `paging` and
 * tells each step. RAM is not changed, not even an A bit. RangeError while paging is off.
 */
export function explainWalk(ram: Ram, paging: Paging, va: Vaddr, access = ACCESS_READ): Explanation {
  checkArguments("explainWalk()", { ram: Ram, paging: "object", va: "integer", access: "count?" }, [
    ram,
    paging,
    va,
    access,
  ]);
  if (paging.levels === 0) throw new RangeError("paging is off: every address is a physical address");
  const watch: WalkWatch = { steps: [], dryRun: true };
  const result = walk(ram, paging, va, access, watch);
  const found = "pa" in result ? result : undefined;
  const fault = "pa" in result ? undefined : result;
  const steps = withRights(watch.steps);
  const explanation = {
    va,
    access,
    levels: paging.levels,
    rootPfn: paging.rootPfn,
    fields: addressFields(va, paging.levels, found?.level ?? 1),
    steps,
    pa: found?.pa,
    pageBytes: found && entrySpan(paging.levels, found.level),
    fault,
    verdict: fault === undefined ? `physical address ${hex(found!.pa)}` : faultText(fault, steps, access),
  };
  return new ExplainedWalk(explanation);
}

class ExplainedWalk implements Explanation {
  declare readonly va: Vaddr;
  declare readonly access: number;
  declare readonly levels: number;
  declare readonly rootPfn: number;
  declare readonly fields: readonly AddressField[];
  declare readonly steps: readonly ExplainedStep[];
  declare readonly pa: number | undefined;
  declare readonly pageBytes: number | undefined;
  declare readonly fault: Fault | undefined;
  declare readonly verdict: string;

  constructor(data: Omit<Explanation, "toString">) {
    Object.assign(this, data);
  }

  toString(): string {
    return explanationText(this);
  }

  /** What console.log prints. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** The same text as preformatted HTML, for notebooks. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    const text = this.toString();
    const html = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    return { "text/plain": text, "text/html": `<pre>${html}</pre>` };
  }
}

function withRights(steps: readonly WalkStep[]): ExplainedStep[] {
  let writable = true;
  let user = true;
  let executable = true;
  return steps.map((step) => {
    if (step.verdict !== "not present") {
      writable &&= (step.entry & BigInt(PAGE_RW)) !== 0n;
      user &&= (step.entry & BigInt(PAGE_USER)) !== 0n;
      executable &&= (step.entry & PAGE_NX) === 0n;
    }
    return { ...step, meaning: entryText(step.entry), writable, user, executable };
  });
}

/** Why the walk ended in `fault`, with the level at fault. */
function faultText(fault: Fault, steps: readonly ExplainedStep[], access: number): string {
  if (fault.vector !== 14) return `${fault.toString()}; no table is read`;
  const last = steps[steps.length - 1];
  const where = last === undefined ? "" : ` at level ${last.level}`;
  const code = `page fault, error code ${hex(fault.errorCode)} (${errorCodeText(fault.errorCode)})`;
  if (last?.verdict === "not present") return `${code}: the entry${where} is not present`;
  if (last?.verdict === "reserved bit") return `${code}: the entry${where} sets a reserved bit`;
  return `${code}: a ${accessText(access)} is not allowed${culprit(steps, access)}`;
}

/** The first level whose entry forbids `access`. */
function culprit(steps: readonly ExplainedStep[], access: number): string {
  const forbids = (step: ExplainedStep): string | undefined => {
    if (access & PF_USER && !step.user) return "U/S is 0";
    if (access & PF_WRITE && !step.writable) return "R/W is 0";
    if (access & PF_INSTR && !step.executable) return "NX is 1";
    return undefined;
  };
  for (const step of steps) {
    const why = forbids(step);
    if (why !== undefined) return `: ${why} in the entry at level ${step.level}`;
  }
  return access & PF_INSTR
    ? ": SMEP, the supervisor runs no user page"
    : ": SMAP, the supervisor touches no user page";
}

function explanationText(e: Explanation): string {
  const digits = e.levels === 2 ? 8 : 16;
  const shown = e.fields.filter((field) => field.name !== "sign");
  const width = (field: AddressField): number => Math.max(field.bits.length, field.name.length);
  const row = (cell: (field: AddressField) => string): string =>
    shown
      .map((field) => cell(field).padEnd(width(field)))
      .join(" ")
      .trimEnd();
  const lines = [
    `${accessText(e.access)} at ${hex(e.va, digits)}`,
    `  ${row((field) => field.bits)}`,
    `  ${row((field) => field.name)}`,
    `  ${row((field) => (field.name === "offset" ? hex(field.value) : String(field.value)))}`,
    `CR3: top table in frame ${hex(e.rootPfn)}, physical address ${hex(e.rootPfn * PAGE_SIZE)}`,
  ];
  for (const step of e.steps)
    lines.push(
      `level ${step.level}: entry ${step.index} at ${hex(step.entryPa)} = ${hex(step.entry, digits)}  ${step.meaning}`,
    );
  const last = e.steps[e.steps.length - 1];
  if (last !== undefined && e.pa !== undefined) {
    const rights = [
      last.writable ? "write" : "no write",
      last.user ? "user" : "no user",
      last.executable ? "run" : "no run",
    ];
    lines.push(`all levels together: ${rights.join(", ")}`);
  }
  return [...lines, `=> ${e.verdict}`].join("\n");
}
