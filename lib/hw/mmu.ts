/**
 * The MMU: turns every virtual address that the CPU uses into a physical one.
 *
 * Read first: walk.ts. Read next: cpu.ts.
 */
import { PAGE_SIZE } from "./address.js";
import type { Clock } from "./clock.js";
import type { Fault } from "./fault.js";
import type { Ram } from "./ram.js";
import type { Paging } from "./registers.js";
import type { Walk } from "./translation.js";
import { walk } from "./walk.js";

/** The memory management unit of one CPU. */
export class Mmu {
  readonly ram: Ram;
  readonly clock: Clock;
  paging: Paging;
  /** The page walker, replaceable. */
  readonly walk: Walk;
  /** The fault of the last `translate` that returned -1. */
  fault: Fault | undefined;

  constructor(ram: Ram, clock: Clock, paging: Paging, walker: Walk = walk) {
    this.ram = ram;
    this.clock = clock;
    this.paging = paging;
    this.walk = walker;
  }

  /** Physical address of `va` for `access`, or -1 with the reason in `fault`. */
  translate(va: number, access: number): number {
    const result = this.walk(this.ram, this.paging, va, access);
    this.clock.nowNs += this.clock.costs.accessNs + this.paging.levels * this.clock.costs.walkEntryNs;
    if ("pa" in result) return result.pa;
    this.fault = result;
    return -1;
  }

  invlpg(va: number): void {
    void (va / PAGE_SIZE);
  }

  flushAll(): void {}
}
