/**
 * The CPU: what a program and the kernel use of a processor, as far as memory is concerned.
 *
 *   load / store / fetch (va)                        registers: CR0 CR2 CR3 CR4 EFER, cpl, AC
 *        |                                                 |  read together on every change
 *        v                                                 v
 *       Mmu.translate ---- pa ----> Ram                  Paging
 *        |
 *        +--- fault ---> trap gate: CR2 = va, cpl = 0, AC = 0 ---> handler of the kernel
 *                                                                     | returns: the access starts again
 *                                                                     | throws:  the access is abandoned
 *
 * An access of 1 to 8 bytes may lie on two pages. Both are translated before a byte moves, so that a fault on
 * the second page leaves nothing half-written; after the fault the whole access starts again, as an
 * instruction does.
 *
 * Virtual addresses are numbers, negative in the kernel half. Values are numbers as long as they are exact
 * (up to 2^53); `load64`/`store64` take bigints.
 *
 * Read first: walk.ts, mmu.ts.
 */

import type { Vaddr } from "./address.js";
import { firstPart, hex, PAGE_SIZE } from "./address.js";
import { Clock } from "./clock.js";
import { type CpuCounters, newCpuCounters } from "./cpu_counters.js";
import {
  type AddressFaultHandler,
  type DoubleFaultHandler,
  deliver,
  notMended,
  type PageFaultHandler,
  type TripleFault,
} from "./exception.js";
import { ACCESS_FETCH, ACCESS_READ, ACCESS_USER, ACCESS_WRITE, type Fault } from "./fault.js";
import { Mmu } from "./mmu.js";
import { valueText } from "./options.js";
import { Ram } from "./ram.js";
import {
  CR0_LINUX,
  CR0_PG,
  CR4_LA57,
  CR4_LINUX,
  CR4_PCIDE,
  EFER_LMA,
  EFER_NXE,
  type Paging,
  pagingOf,
} from "./registers.js";
import {
  checkAccessSize,
  checkArguments,
  checkSpan,
  checkVa,
  notANumber,
  type Signature,
} from "./signature.js";
import { type TlbModel, type TlbModelName, tlbModel } from "./tlb_model.js";
import type { TlbFactory } from "./tlb_part.js";
import type { Walk } from "./translation.js";

/** What a CPU may be built with; the rest is as a 64-bit Linux sets it. */
export interface CpuOptions {
  /** 4 (the default), 5, or 2 for a 32-bit processor. */
  levels?: 2 | 4 | 5;
  /** Which TLBs it has: a preset's name or a model; skylake unless said otherwise. */
  tlb?: TlbModelName | TlbModel;
  /** The page walker. */
  walk?: Walk;
  /** Makes TLBs to stand in for the machine's own. */
  tlbPart?: TlbFactory;
}

/** How many values 0 to 8 bytes have. A table, as powers with a variable exponent are slow. */
const VALUES = [1, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32, 2 ** 40, 2 ** 48, 2 ** 56, 2 ** 64];

/** Faults in a row on one access after which the CPU concludes that the handler does not mend anything. */
const MAX_RESTARTS = 1000;

/** One processor. Not in Linux: this is the hardware. */
export class Cpu {
  readonly id: number;
  readonly ram: Ram;
  readonly clock: Clock;
  readonly mmu: Mmu;
  readonly counters: CpuCounters = newCpuCounters();
  /** Address of the last page fault. */
  cr2 = 0;
  /** The kernel's page-fault entry; without one a fault is thrown as `FaultError`. */
  onPageFault: PageFaultHandler | undefined;
  /** The kernel's entry for #GP and #SS. */
  onAddressFault: AddressFaultHandler | undefined;
  /** The kernel's entry for #DF (exception.ts). */
  onDoubleFault: DoubleFaultHandler | undefined;
  /** A kernel runs: a fault without a handler is its problem (#DF, then shutdown), and is not thrown. */
  hasIdt = false;
  /** Handlers of faults at work, one within the other. */
  nestedExceptions = 0;
  /** How often the access that faults now was begun again already. */
  restarts = 0;
  inDoubleFault = false;
  /** Set once a triple fault has shut the CPU down: every access throws it. */
  shutDownBy: TripleFault | undefined = undefined;
  private cr0Bits = CR0_LINUX;
  private cr3Bits = 0;
  private cr4Bits = CR4_LINUX;
  private eferBits = EFER_LMA | EFER_NXE;
  private acBit = false;
  private userBit = 0;
  private highHalf = 0;

  constructor(id: number, ram: Ram, clock: Clock, options: CpuOptions = {}) {
    checkArguments("new Cpu()", CPU, [id, ram, clock, options]);
    this.id = id;
    this.ram = ram;
    this.clock = clock;
    if (options.levels === 5) this.cr4Bits |= CR4_LA57;
    if (options.levels === 2) {
      this.cr4Bits = 0x90;
      this.eferBits = 0;
    }
    this.mmu = new Mmu(ram, clock, this.read(), tlbModel(options.tlb), options);
  }

  /** What the registers say together. */
  get paging(): Paging {
    return this.mmu.paging;
  }

  /** Privilege level: 0 the kernel, 3 a user program. */
  get cpl(): 0 | 3 {
    return this.userBit === 0 ? 0 : 3;
  }
  set cpl(level: 0 | 3) {
    this.userBit = level === 3 ? ACCESS_USER : 0;
  }

  /** EFLAGS.AC: the supervisor may touch user data although SMAP is on (stac sets it, clac clears it). */
  get ac(): boolean {
    return this.acBit;
  }
  set ac(value: boolean) {
    this.acBit = value;
    this.mmu.paging = this.read();
  }

  get cr0(): number {
    return this.cr0Bits;
  }
  /** Writing CR0 flushes everything when paging is switched on or off. */
  set cr0(value: number) {
    const changed = this.cr0Bits ^ value;
    this.cr0Bits = value;
    this.mmu.paging = this.read();
    if (changed & CR0_PG) this.mmu.flushAll();
  }

  get cr4(): number {
    return this.cr4Bits;
  }
  /** Writing CR4 flushes everything, global entries too, when a bit changes: Linux's way to drop them all. */
  set cr4(value: number) {
    const changed = this.cr4Bits !== value;
    this.cr4Bits = value;
    this.mmu.paging = this.read();
    if (changed) this.mmu.flushAll();
  }

  get efer(): number {
    return this.eferBits;
  }
  set efer(value: number) {
    this.eferBits = value;
    this.mmu.paging = this.read();
    this.mmu.flushAll();
  }

  get cr3(): number {
    return this.cr3Bits;
  }
  /** Writing CR3 flushes what is not global; see `writeCr3`. */
  set cr3(value: number) {
    this.writeCr3(value);
  }

  /**
   * Writes CR3: `value` is the physical address of the top table plus, while CR4.PCIDE is set, the PCID (0 to
   * 4095). Without `noFlush` the TLB entries of that PCID that are not global are dropped; `noFlush` is bit
   * 63 of the register.
   * Intel SDM vol. 3A, Operations that Invalidate TLBs and Paging-Structure Caches
   */
  writeCr3(value: number, noFlush = false): void {
    if (!(Number.isInteger(value) && value >= 0 && value < 2 ** 46))
      throw new RangeError(`CR3 value ${valueText(value)} is not a physical address below 2^46`);
    if (noFlush && (this.cr4Bits & CR4_PCIDE) === 0)
      throw new RangeError("bit 63 of CR3 (no flush) needs CR4.PCIDE");
    this.cr3Bits = value;
    this.mmu.paging = this.read();
    this.counters.cr3Writes++;
    this.clock.nowNs += this.clock.costs.writeCr3Ns;
    if (noFlush) this.counters.cr3NoFlush++;
    else if (this.cr4Bits & CR4_PCIDE) this.mmu.flushPcid(this.mmu.paging.pcid);
    else this.mmu.flushNonGlobal();
  }

  /**
   * Drops the page at `va` of the current PCID, global or not, and the walk caches of that PCID.
   * Intel SDM vol. 2A, INVLPG
   */
  invlpg(va: Vaddr): void {
    checkVa(va);
    this.counters.invlpgs++;
    this.clock.nowNs += this.clock.costs.invlpgNs;
    const { pcid } = this.mmu.paging;
    this.mmu.flushPage(va, pcid, true);
    this.mmu.flushWalkCaches(pcid);
  }

  /**
   * Drops by PCID. Type 0: the page at `va` of `pcid`. 1: all of `pcid`. 2: everything, global entries too.
   * 3: everything that is not global. Types 0 and 1 keep global entries. Intel SDM vol. 2A, INVPCID
   */
  invpcid(type: 0 | 1 | 2 | 3, pcid = 0, va = 0): void {
    if (!(Number.isInteger(pcid) && pcid >= 0 && pcid < 4096))
      throw new RangeError(`PCID ${valueText(pcid)} is not an integer from 0 to 4095`);
    checkVa(va);
    this.counters.invpcids++;
    this.clock.nowNs += this.clock.costs.invpcidNs;
    if (type === 0) {
      this.mmu.flushPage(va, pcid, false);
      this.mmu.flushWalkCaches(pcid);
    } else if (type === 1) this.mmu.flushPcid(pcid);
    else if (type === 2) this.mmu.flushAll();
    else this.mmu.flushNonGlobal();
  }

  /**
   * Drops the page at `va` of `pcid`, with the instruction that suits.
   * Linux arch/x86/mm/tlb.c:flush_tlb_one_user()
   */
  flushOne(va: Vaddr, pcid = this.mmu.paging.pcid): void {
    if (pcid === this.mmu.paging.pcid) this.invlpg(va);
    else this.invpcid(0, pcid, va);
  }

  /** Drops the pages in `[start, end)`, one every `strideBytes`. Linux arch/x86/mm/tlb.c:flush_tlb_func() */
  flushRange(start: number, end: number, pcid = this.mmu.paging.pcid, strideBytes = PAGE_SIZE): void {
    checkSpan("the range to flush", start, end, strideBytes, MAX_FLUSHES);
    for (let va = start; va < end; va += strideBytes) this.flushOne(va, pcid);
  }

  /** Drops all of `pcid` that is not global. Linux arch/x86/mm/tlb.c:flush_tlb_local() */
  flushPcid(pcid = this.mmu.paging.pcid): void {
    if (this.cr4Bits & CR4_PCIDE) this.invpcid(1, pcid);
    else this.writeCr3(this.cr3Bits);
  }

  /** Drops everything, global entries too. Linux arch/x86/mm/tlb.c:__flush_tlb_all() */
  flushAll(): void {
    this.invpcid(2);
  }

  /**
   * Reads `sizeBytes` (1 to 8) at `va`, little-endian, unsigned. RangeError when the value exceeds 2^53 - 1:
   * use `load64`.
   */
  load(va: Vaddr, sizeBytes: number): number {
    checkVa(va);
    const access = ACCESS_READ | this.userBit;
    if (checkAccessSize(sizeBytes) <= 6) return this.loadUint(va, sizeBytes, access);
    return this.loadExact(va, sizeBytes, access);
  }

  /**
   * Writes the low `sizeBytes` (1 to 8) bytes of the integer `value` at `va`; a negative value as two's
   * complement.
   */
  store(va: Vaddr, sizeBytes: number, value: number): void {
    checkVa(va);
    checkAccessSize(sizeBytes);
    const limit = VALUES[sizeBytes]!;
    if (!(Number.isSafeInteger(value) && value >= -limit / 2 && value < limit))
      throw new RangeError(
        `value ${valueText(value)} does not fit ${sizeBytes} bytes, or is not exact as a number`,
      );
    if (sizeBytes <= 6) this.storeUint(va, sizeBytes, value, ACCESS_WRITE | this.userBit);
    else this.storeBig(va, BigInt(value), sizeBytes);
  }

  /** Reads `sizeBytes` (1 to 8) at `va` for execution. */
  fetch(va: Vaddr, sizeBytes: number): number {
    checkVa(va);
    const access = ACCESS_FETCH | this.userBit;
    if (checkAccessSize(sizeBytes) <= 6) return this.loadUint(va, sizeBytes, access);
    return this.loadExact(va, sizeBytes, access);
  }

  /** Reads 8 bytes at `va` as an unsigned bigint. */
  load64(va: Vaddr): bigint {
    return this.loadBig(va, 8);
  }

  /** Writes the low 64 bits of `value` at `va`. */
  store64(va: Vaddr, value: bigint): void {
    this.storeBig(va, value, 8);
  }

  /** Reads `sizeBytes` (1 to 8) at `va` as an unsigned bigint. */
  loadBig(va: Vaddr, sizeBytes: number): bigint {
    const low = this.loadHalves(va, checkAccessSize(sizeBytes), ACCESS_READ | this.userBit);
    return (BigInt(this.highHalf) << 32n) | BigInt(low);
  }

  /** Writes the low `sizeBytes` bytes (1 to 8) of `value` at `va`. */
  storeBig(va: Vaddr, value: bigint, sizeBytes: number): void {
    const access = ACCESS_WRITE | this.userBit;
    const first = firstPart(va, checkAccessSize(sizeBytes));
    if (first === 8) {
      const pa = this.physical(va, access);
      this.ram.writeUint(pa, 4, Number(BigInt.asUintN(32, value)));
      this.ram.writeUint(pa + 4, 4, Number(BigInt.asUintN(32, value >> 32n)));
      return;
    }
    const [pa, second] = this.twoPages(va, sizeBytes, access);
    for (let i = 0, rest = value; i < sizeBytes; i++, rest >>= 8n)
      this.ram.write8(i < first ? pa + i : second + i - first, Number(rest & 0xffn));
  }

  /**
   * Does all of an access but the moving of data: translates `va` for `kind` (ACCESS_READ, ACCESS_WRITE or
   * ACCESS_FETCH) in the current mode, faults delivered. Returns the physical address.
   */
  access(va: Vaddr, kind: number): number {
    checkVa(va);
    if (typeof kind !== "number") throw notANumber("access(): kind", kind);
    return this.physical(va, kind | this.userBit);
  }

  /** Translates `va` for `access` as an access would, TLB, A and D bits included, but calls no handler. */
  translate(va: Vaddr, access: number): { pa: number } | Fault {
    checkVa(va);
    if (typeof access !== "number") throw notANumber("translate(): access", access);
    const pa = this.mmu.translate(va, access);
    return pa >= 0 ? { pa } : this.mmu.fault!;
  }

  private loadUint(va: Vaddr, sizeBytes: number, access: number): number {
    const first = firstPart(va, sizeBytes);
    if (first === sizeBytes) return this.ram.readUint(this.physical(va, access), sizeBytes);
    const [pa, second] = this.twoPages(va, sizeBytes, access);
    return this.ram.readUint(pa, first) + this.ram.readUint(second, sizeBytes - first) * 2 ** (8 * first);
  }

  private storeUint(va: Vaddr, sizeBytes: number, value: number, access: number): void {
    const first = firstPart(va, sizeBytes);
    if (first === sizeBytes) {
      this.ram.writeUint(this.physical(va, access), sizeBytes, value);
      return;
    }
    const [pa, second] = this.twoPages(va, sizeBytes, access);
    this.ram.writeUint(pa, first, value);
    this.ram.writeUint(second, sizeBytes - first, Math.floor(value / 2 ** (8 * first)));
  }

  /** Low 32 bits of the value at `va`; the bits above them go to `highHalf`. */
  private loadHalves(va: Vaddr, sizeBytes: number, access: number): number {
    const first = firstPart(va, sizeBytes);
    const { ram } = this;
    if (first === sizeBytes) {
      const pa = this.physical(va, access);
      if (sizeBytes > 4) this.highHalf = ram.readUint(pa + 4, sizeBytes - 4);
      else this.highHalf = 0;
      return ram.readUint(pa, sizeBytes > 4 ? 4 : sizeBytes);
    }
    const [pa, second] = this.twoPages(va, sizeBytes, access);
    const byte = (i: number) => (i < sizeBytes ? ram.read8(i < first ? pa + i : second + i - first) : 0);
    const word = (i: number) =>
      byte(i) + byte(i + 1) * 2 ** 8 + byte(i + 2) * 2 ** 16 + byte(i + 3) * 2 ** 24;
    this.highHalf = word(4);
    return word(0);
  }

  private loadExact(va: Vaddr, sizeBytes: number, access: number): number {
    const low = this.loadHalves(va, checkAccessSize(sizeBytes), access);
    const value = this.highHalf * 2 ** 32 + low;
    if (value > Number.MAX_SAFE_INTEGER)
      throw new RangeError(`the value at ${hex(va)} is not exact as a number: use loadBig`);
    return value;
  }

  /** Physical address of `va`; faults go to the kernel until the access succeeds. */
  private physical(va: Vaddr, access: number): number {
    if (this.shutDownBy !== undefined) throw this.shutDownBy;
    const pa = this.mmu.translate(va, access);
    if (pa >= 0) return pa;
    this.restarts = 0;
    deliver(this, this.mmu.fault!);
    return this.restart(va, va, access)[0];
  }

  /**
   * Physical addresses of the first byte and of the second page's first byte (that of `va` when there is one
   * page).
   */
  private twoPages(va: Vaddr, sizeBytes: number, access: number): [number, number] {
    const first = firstPart(va, sizeBytes);
    const next = first === sizeBytes ? va : va + first;
    return this.restart(va, next, access);
  }

  private restart(va: Vaddr, next: number, access: number): [number, number] {
    if (this.shutDownBy !== undefined) throw this.shutDownBy;
    for (let i = 0; i < MAX_RESTARTS; i++) {
      this.restarts = i;
      const pa = this.mmu.translate(va, access);
      if (pa < 0) {
        deliver(this, this.mmu.fault!);
        continue;
      }
      const second = next === va ? pa : this.mmu.translate(next, access);
      if (second >= 0) return [pa, second];
      deliver(this, this.mmu.fault!);
    }
    throw notMended(va, MAX_RESTARTS);
  }

  private read(): Paging {
    return pagingOf(this.cr0Bits, this.cr3Bits, this.cr4Bits, this.eferBits, this.acBit);
  }
}

const CPU: Signature = {
  id: "count",
  ram: Ram,
  clock: Clock,
  options: { levels: "levels", walk: "function", tlb: "any", tlbPart: "function" },
};

/** Pages that one flush may name; Linux drops everything from 34 on. */
const MAX_FLUSHES = 2 ** 20;
