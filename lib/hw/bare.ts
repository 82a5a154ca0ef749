/**
 * A machine without an MMU, and programs that take turns on it.
 *
 *   program A: store 0x2000 --+
 *                             +--->  RAM byte 0x2000        (bare: the address in the program IS the physical address)
 *   program B: store 0x2000 --+
 *
 *   program A: store 0x2000 ---> MMU, A's page table ---> RAM byte 0x9000
 *   program B: store 0x2000 ---> MMU, B's page table ---> RAM byte 0x5000
 *
 * Small microcontrollers work like the upper picture to this day, and Linux still runs on such chips
 * (CONFIG_MMU=n): without fork(), without protection, and with every mmap contiguous. `takeTurns` runs the
 * same programs on anything that can load and store, and notices when a program reads back something else
 * than it wrote.
 *
 * Read first: ram.ts. Read next: segmentation.ts.
 */

import type { Vaddr } from "./address.js";
import { hex } from "./address.js";
import { Ram } from "./ram.js";
import { type Segment, translateSegment } from "./segmentation.js";
import { checkArguments, checkKind } from "./signature.js";
import { parseSize } from "./size.js";

/** What a program can do with memory. A Cpu offers it too. */
export interface Memory {
  load(address: Vaddr, sizeBytes: number): number;
  store(address: Vaddr, sizeBytes: number, value: number): void;
}

/** A machine of RAM and nothing else: every address is a physical address. */
export class BareMachine implements Memory {
  readonly ram: Ram;

  /** `ram` is a size such as "64 KiB". */
  constructor(ram: string | number) {
    this.ram = new Ram(parseSize(ram, "ram"));
  }

  load(address: Vaddr, sizeBytes: number): number {
    checkAccessSize(sizeBytes);
    let value = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) value = value * 256 + this.ram.read8(address + i);
    return value;
  }

  store(address: Vaddr, sizeBytes: number, value: number): void {
    checkAccessSize(sizeBytes);
    for (let i = 0; i < sizeBytes; i++) this.ram.write8(address + i, Math.floor(value / 256 ** i) % 256);
  }

  /** The memory a program sees through a base and a limit register. */
  throughSegment(segment: Segment): Memory {
    return {
      load: (address, sizeBytes) => {
        translateSegment(segment, address + sizeBytes - 1);
        return this.load(translateSegment(segment, address), sizeBytes);
      },
      store: (address, sizeBytes, value) => {
        translateSegment(segment, address + sizeBytes - 1);
        this.store(translateSegment(segment, address), sizeBytes, value);
      },
    };
  }
}

function checkAccessSize(sizeBytes: number): void {
  if (sizeBytes !== 1 && sizeBytes !== 2 && sizeBytes !== 4)
    throw new RangeError(`cannot access ${sizeBytes} bytes at once; use 1, 2 or 4`);
}

/** A program: a generator function that loads and stores, and says `yield` where another may have a turn. */
export type Program = (memory: Memory) => Generator<unknown, void, unknown>;

/** One access of one program. */
export interface TurnAccess {
  readonly program: string;
  readonly op: "load" | "store";
  readonly address: Vaddr;
  readonly value: number;
  /** What this program itself stored there last, when it reads back something else. */
  readonly expected?: number;
}

/** What happened while programs took turns. */
export class TurnReport {
  readonly accesses: readonly TurnAccess[];

  constructor(accesses: readonly TurnAccess[]) {
    this.accesses = accesses;
  }

  /** Loads that gave a program something else than it had stored. */
  get collisions(): readonly TurnAccess[] {
    return this.accesses.filter((access) => access.expected !== undefined);
  }

  toString(): string {
    const lines = this.accesses.map((access) => {
      const arrow = access.op === "store" ? "<-" : "->";
      const note = access.expected === undefined ? "" : `   not ${access.expected}: somebody else wrote here`;
      return `${access.program.padEnd(8)} ${access.op.padEnd(5)} ${hex(access.address, 4)} ${arrow} ${access.value}${note}`;
    });
    return [...lines, `${this.collisions.length} collision${this.collisions.length === 1 ? "" : "s"}`].join(
      "\n",
    );
  }
}

/**
 * Lets each program run up to its next `yield`, round and round, until all have ended. `switchTo(name)` is
 * called before each turn and gives the memory that this program sees: the place where an operating system
 * would switch page tables. Not in Linux.
 */
export function takeTurns(
  programs: Readonly<Record<string, Program>>,
  switchTo: (name: string) => Memory,
  maxAccesses = 10_000,
): TurnReport {
  checkArguments("takeTurns()", { programs: "object", switchTo: "function", maxAccesses: "count?" }, [
    programs,
    switchTo,
    maxAccesses,
  ]);
  for (const [name, program] of Object.entries(programs)) checkKind(`program ${name}`, program, "function");
  const accesses: TurnAccess[] = [];
  const turns = Object.entries(programs).map(([name, program]) => {
    const own = new Map<number, number>();
    const note = (access: TurnAccess): void => {
      if (accesses.push(access) > maxAccesses)
        throw new RangeError(
          `the programs made ${maxAccesses} accesses and have not ended; stopped in ${name}`,
        );
    };
    let memory = switchTo(name);
    const watched: Memory = {
      load: (address, sizeBytes) => {
        const value = memory.load(address, sizeBytes);
        const stored = own.get(address);
        const differs = stored !== undefined && stored !== value;
        note({ program: name, op: "load", address, value, ...(differs ? { expected: stored } : {}) });
        return value;
      },
      store: (address, sizeBytes, value) => {
        memory.store(address, sizeBytes, value);
        own.set(address, value);
        note({ program: name, op: "store", address, value });
      },
    };
    const run = program(watched);
    return (): boolean => {
      memory = switchTo(name);
      return run.next().done !== true;
    };
  });
  let running = turns;
  while (running.length > 0) running = running.filter((turn) => turn());
  return new TurnReport(accesses);
}
