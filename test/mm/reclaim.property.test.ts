/**
 * Random work on a machine that is too small for it, with the real reclaim, kswapd and flusher: after each step every count is
 * right, no byte is lost, nothing locked is gone, and every call ends.
 */
import { describe, expect, it } from "vitest";
import type { VfsFile } from "../../lib/fs/inode.js";
import { Random } from "../../lib/hw/random.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import type { MmStruct } from "../../lib/mm/mm_types.js";
import { ptePfn, ptePresent, ptepGet } from "../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { PGSCAN_FILE, PGSTEAL_FILE } from "../../lib/mm/vmstat.js";

const PAGE = 4096;
/** Each of the files is most of the machine's RAM. */
const FILE_PAGES = 1500;
const NR_FILES = 3;
const LOCKED = 16;
const RUNS = Number(process.env.PAGEWALK_WORLDS ?? 3);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 120;

/** A file: its first byte in each page, as it must be. */
interface Model {
  readonly file: VfsFile;
  readonly fd: number;
  readonly addr: number;
  readonly bytes: Uint8Array;
  size: number;
}

class SmallMachine {
  readonly machine: Machine;
  readonly alice: Process;
  readonly children: Process[] = [];
  readonly files: Model[] = [];
  readonly anon: number;
  readonly anonBytes = new Uint8Array(64);

  constructor() {
    this.machine = boot({ ram: "10 MiB", cpus: 2 });
    this.alice = this.machine.spawn("alice");
    for (let i = 0; i < NR_FILES; i++) {
      const fd = this.alice.open(`/data/f${i}`, { create: true, writable: true });
      this.alice.ftruncate(fd, FILE_PAGES * PAGE);
      const addr = this.alice.mmap(FILE_PAGES * PAGE, { fd, shared: true });
      const file = this.alice.task.files.get(fd) as VfsFile;
      this.files.push({ file, fd, addr, bytes: new Uint8Array(FILE_PAGES), size: FILE_PAGES });
    }
    this.anon = this.alice.mmap(64 * PAGE);
    this.alice.mlock(this.anon, LOCKED * PAGE);
  }

  get mms(): MmStruct[] {
    const { sys, tasks } = this.machine.kernel;
    return [sys.initMm!, ...[...tasks.values()].flatMap(({ mm }) => (mm === undefined ? [] : [mm]))];
  }

  /** Frames of the locked pages (a write after a fork copies one), -1 for one that is not there. */
  lockedFrames(): number[] {
    const { mm } = this.alice;
    return Array.from({ length: LOCKED }, (_, i) => {
      const pte = ptepGet(mm.sys.ram, pteOffset(mm, this.anon + i * PAGE));
      return ptePresent(pte) ? ptePfn(pte) : -1;
    });
  }

  step(random: Random): void {
    const { alice } = this;
    const model = random.pick(this.files);
    const { addr, bytes, fd, file, size } = model;
    const page = random.below(Math.max(1, size));
    const kind = random.below(12);
    if (size === 0 && kind < 7) return;
    if (kind < 3) this.read(model, page, 1 + random.below(64));
    else if (kind < 5) {
      for (let i = page; i < Math.min(size, page + 1 + random.below(32)); i++) {
        bytes[i] = 1 + random.below(255);
        alice.store(addr + i * PAGE, 1, bytes[i]!);
      }
    } else if (kind === 5) {
      bytes[page] = 1 + random.below(255);
      expect(file.write(page * PAGE, Uint8Array.of(bytes[page]!))).toBe(1);
    } else if (kind === 6) expect(file.fsync()).toBe(0);
    else if (kind === 7) {
      const at = random.below(64);
      this.anonBytes[at] = 1 + random.below(255);
      alice.store(this.anon + at * PAGE, 1, this.anonBytes[at]!);
    } else if (kind === 8) this.forkOrExit();
    else if (kind === 9) {
      model.size = random.chance(50) ? random.below(FILE_PAGES) : FILE_PAGES;
      alice.ftruncate(fd, model.size * PAGE);
      bytes.fill(0, model.size);
    } else if (kind === 10) file.fadvise?.(0, 0, 4);
    else this.machine.kernel.sched.idle(random.below(50) * 1e6);
  }

  private read({ addr, bytes, file, size }: Model, page: number, length: number): void {
    const one = new Uint8Array(1);
    for (let i = page; i < Math.min(size, page + length); i++) {
      if (i % 2 === 0) expect(this.alice.load(addr + i * PAGE)).toBe(bytes[i]);
      else {
        expect(file.read(i * PAGE, one)).toBe(1);
        expect(one[0]).toBe(bytes[i]);
      }
    }
  }

  private forkOrExit(): void {
    if (this.children.length < 2) this.children.push(this.alice.fork());
    else this.children.shift()!.exit();
  }

  check(): void {
    checkInvariants(this.machine.kernel.sys, this.mms);
  }

  /** Every byte of every file, and of the memory. */
  checkAll(): void {
    for (const model of this.files) this.read(model, 0, FILE_PAGES);
    for (let i = 0; i < 64; i++) expect(this.alice.load(this.anon + i * PAGE)).toBe(this.anonBytes[i]);
  }
}

describe("a machine that is too small for its files", () => {
  it("loses no byte and no count, and takes nothing that is locked", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      const random = new Random(seed);
      const small = new SmallMachine();
      const { sys } = small.machine.kernel;
      for (let i = 0; i < STEPS; i++) {
        try {
          small.step(random);
          small.check();
          expect(small.lockedFrames()).not.toContain(-1);
        } catch (error) {
          throw new Error(`seed ${seed}, step ${i}: ${(error as Error).message}`, { cause: error });
        }
      }
      small.checkAll();
      lruAddDrainAll(sys);
      small.check();
      expect(sys.vmStat.events[PGSCAN_FILE]).toBeGreaterThan(1000);
      expect(sys.vmStat.events[PGSTEAL_FILE]).toBeGreaterThan(1000);
    }
  }, 600_000);
});
