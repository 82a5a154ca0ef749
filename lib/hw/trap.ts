/**
 * How the processor enters the kernel for an exception, step by step, and what happens when that itself
 * faults.
 *
 *   exception n
 *     1. read gate n of the IDT: 16 bytes at idtBase + 16 * n     a load, in supervisor mode, through the page tables
 *     2. push 48 bytes on the kernel's stack                       six stores: SS, RSP, RFLAGS, CS, RIP, error code
 *     3. go on at the gate's handler
 *
 *   a fault in 1 or 2   --> double fault: the same once more, with gate 8
 *   a fault in that too --> triple fault: the processor shuts down, and the board resets the machine
 *
 * A gate may name a stack of its own (IST). Linux gives the double fault one, because the usual reason is a
 * kernel stack that has overflowed: with the broken stack the report could not even begin.
 *
 * This file is the slow motion, for looking at: table and stack are bytes in RAM. A machine at work takes the
 * short way of exception.ts, where Cpu.onPageFault stands for gate 14. Left out: privilege changes, segment
 * limits, interrupts.
 *
 * Intel SDM vol. 3A, chapter Interrupt and Exception Handling. Linux arch/x86/kernel/idt.c,
 * arch/x86/kernel/traps.c:exc_double_fault()
 *
 * Read first: cpu.ts, fault.ts.
 */

import type { Vaddr } from "./address.js";
import { hex } from "./address.js";
import { Cpu } from "./cpu.js";
import { ACCESS_READ, ACCESS_WRITE } from "./fault.js";
import { Ram } from "./ram.js";
import { checkArguments, listOf, shape } from "./signature.js";

/**
 * Vector of the double fault. Intel SDM vol. 3A, Exception and Interrupt Reference; so are the other
 * X86_TRAP_ names.
 */
export const X86_TRAP_DF = 8;
/** A gate that is not present. */
export const X86_TRAP_NP = 11;
/** General protection: here a vector beyond the IDT. */
export const X86_TRAP_GP = 13;
/** Page fault. */
export const X86_TRAP_PF = 14;

/** Bytes of a gate, and of what an exception with an error code pushes. */
const GATE_BYTES = 16;
const FRAME_BYTES = 48;
/** P and type 14, interrupt gate. Intel SDM vol. 3A, 64-Bit IDT Gate Descriptors */
const GATE_PRESENT = 0x80;
const GATE_TYPE = 0x0e;

/** Registers that the way into the kernel depends on. */
export interface TrapRegisters {
  /** IDTR: where the table of gates begins, and its size. */
  readonly idtBase: number;
  readonly idtBytes: number;
  /** Stack pointer for gates without a stack of their own. Linux cpu_entry_stack; TSS.RSP0 */
  readonly stackTop: number;
  /** Stacks that gates may name, IST 1 first. */
  readonly istTops?: readonly number[];
}

/** One step on the way in. */
export interface TrapStep {
  readonly vector: number;
  readonly doing: "read the gate" | "push the frame" | "run the handler" | "shut down";
  readonly va: Vaddr;
  /** Why it failed; "" when it did not. */
  readonly problem: string;
}

/** Where an exception led. */
export interface TrapOutcome {
  readonly steps: readonly TrapStep[];
  /** The vector whose handler runs; undefined after a triple fault. */
  readonly vector: number | undefined;
  readonly handler: number | undefined;
}

/**
 * Writes gate `vector` into the table that lies at physical address `idtPa`.
 * Linux arch/x86/kernel/idt.c:idt_setup_from_table()
 */
export function writeGate(ram: Ram, idtPa: number, vector: number, handler: number, ist = 0): void {
  checkArguments(
    "writeGate()",
    { ram: Ram, idtPa: "count", vector: "count", handler: "integer", ist: "count?" },
    [ram, idtPa, vector, handler, ist],
  );
  const pa = idtPa + vector * GATE_BYTES;
  const bits = BigInt.asUintN(64, BigInt(handler));
  ram.writeUint(pa, 2, Number(bits & 0xffffn));
  ram.writeUint(pa + 2, 2, 0x10); // the kernel's code segment
  ram.writeUint(pa + 4, 1, ist);
  ram.writeUint(pa + 5, 1, GATE_PRESENT | GATE_TYPE);
  ram.writeUint(pa + 6, 2, Number((bits >> 16n) & 0xffffn));
  ram.writeUint(pa + 8, 4, Number(bits >> 32n));
  ram.writeUint(pa + 12, 4, 0);
}

/** Handler and IST of a gate's bytes; undefined when it is not present. */
function readGate(ram: Ram, pa: number): { handler: number; ist: number } | undefined {
  if ((ram.readUint(pa + 5, 1) & GATE_PRESENT) === 0) return undefined;
  const low = BigInt(ram.readUint(pa, 2)) | (BigInt(ram.readUint(pa + 6, 2)) << 16n);
  const bits = low | (BigInt(ram.readUint(pa + 8, 4)) << 32n);
  return { handler: Number(BigInt.asIntN(64, bits)), ist: ram.readUint(pa + 4, 1) & 7 };
}

/** Follows exception `vector` into the kernel, as far as it comes. Not in Linux: the processor does it. */
export function deliverException(cpu: Cpu, registers: TrapRegisters, vector: number): TrapOutcome {
  checkArguments(
    "deliverException()",
    {
      cpu: Cpu,
      registers: shape({ idtBase: "integer", idtBytes: "count", stackTop: "integer", istTops: "list?" }),
      vector: "count",
    },
    [cpu, registers, vector],
  );
  const steps: TrapStep[] = [];
  for (const current of vector === X86_TRAP_DF ? [X86_TRAP_DF] : [vector, X86_TRAP_DF]) {
    const handler = tryVector(cpu, registers, current, steps);
    if (handler !== undefined) return { steps, vector: current, handler };
  }
  steps.push({ vector: X86_TRAP_DF, doing: "shut down", va: 0, problem: "triple fault" });
  return { steps, vector: undefined, handler: undefined };
}

/** Reads the gate and pushes the frame: the handler's address, undefined when that fails. */
function tryVector(
  cpu: Cpu,
  { idtBase, idtBytes, stackTop, istTops = [] }: TrapRegisters,
  vector: number,
  steps: TrapStep[],
): number | undefined {
  const note = (doing: TrapStep["doing"], va: Vaddr, problem: string): void => {
    steps.push({ vector, doing, va, problem });
  };
  const gateVa = idtBase + vector * GATE_BYTES;
  if ((vector + 1) * GATE_BYTES > idtBytes) {
    note("read the gate", gateVa, `beyond the table: #GP (${X86_TRAP_GP})`);
    return undefined;
  }
  const gatePa = cpu.mmu.translate(gateVa, ACCESS_READ);
  if (gatePa < 0) {
    note("read the gate", gateVa, String(cpu.mmu.fault));
    return undefined;
  }
  const gate = readGate(cpu.ram, gatePa);
  note("read the gate", gateVa, gate === undefined ? `not present: #NP (${X86_TRAP_NP})` : "");
  if (gate === undefined) return undefined;
  const top = gate.ist === 0 ? stackTop : (istTops[gate.ist - 1] ?? 0);
  const frame = top - (((top % 16) + 16) % 16) - FRAME_BYTES;
  const pa = cpu.mmu.translate(frame, ACCESS_WRITE);
  note("push the frame", frame, pa < 0 ? String(cpu.mmu.fault) : "");
  if (pa < 0) return undefined;
  note("run the handler", gate.handler, "");
  return gate.handler;
}

/** The way in as text, a line for each step. */
export function trapText(outcome: TrapOutcome): string {
  checkArguments("trapText()", { outcome: shape({ steps: listOf("object") }) }, [outcome]);
  return outcome.steps
    .map(({ vector, doing, va, problem }) => {
      const where = doing === "shut down" ? "" : ` at ${hex(va, 16)}`;
      return `vector ${String(vector).padStart(2)}: ${doing}${where}${problem === "" ? "" : `  ->  ${problem}`}`;
    })
    .join("\n");
}
