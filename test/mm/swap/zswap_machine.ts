/**
 * A machine with swap on an SSD, zswap in front of it, and a process whose pages are known.
 */
import { expect } from "vitest";
import type { BlockDevice } from "../../../lib/hw/block_device.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { copyFromUser, copyToUser } from "../../../lib/kernel/uaccess.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { type Zswap, zswapOf } from "../../../lib/mm/swap/zswap.js";
import { zswapEnable } from "../../../lib/mm/swap/zswap_writeback.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { vmstatValue } from "../../../lib/procfs/vmstat.js";
import { textPage } from "./page_data.js";
import { ssd, swapOn } from "./zip_area.js";

export const PAGE = 4096;

export class ZswapMachine {
  readonly machine: Machine;
  readonly sys: MemorySystem;
  readonly zswap: Zswap;
  readonly area: SwapInfoStruct;
  readonly device: BlockDevice;
  readonly alice: Process;
  /** What each page must hold. */
  readonly model: Uint8Array[] = [];
  private readonly base: number;

  constructor(nrPages: number, make: (i: number) => Uint8Array = textPage, ram = "32 MiB") {
    this.machine = boot({ ram });
    this.sys = this.machine.kernel.sys;
    const disk = ssd(this.sys, 4096);
    this.device = disk.device;
    this.area = swapOn(this.sys, disk);
    this.zswap = zswapOf(this.sys);
    zswapEnable(this.sys, true);
    this.alice = this.machine.spawn("alice");
    this.base = this.alice.mmap(nrPages * PAGE);
    for (let i = 0; i < nrPages; i++) this.put(i, make(i));
  }

  /** Page `i` of the process holds `bytes` from now on. */
  put(i: number, bytes: Uint8Array): void {
    this.machine.kernel.enter(this.alice.task);
    this.model[i] = bytes;
    expect(copyToUser(this.alice.task, this.base + i * PAGE, bytes)).toBe(0);
  }

  pageout(first = 0, nr = this.model.length): void {
    this.alice.madvise(this.base + first * PAGE, nr * PAGE, "PAGEOUT");
  }

  munmap(): void {
    this.alice.munmap(this.base, this.model.length * PAGE);
  }

  /** Every byte of pages [first, first + nr) is what it must be. */
  checkBytes(first = 0, nr = this.model.length): void {
    const bytes = new Uint8Array(PAGE);
    this.machine.kernel.enter(this.alice.task);
    for (let i = first; i < first + nr; i++) {
      expect(copyFromUser(this.alice.task, bytes, this.base + i * PAGE)).toBe(0);
      expect(Buffer.compare(bytes, this.model[i]!), `page ${i}`).toBe(0);
    }
  }

  /** A counter of /proc/vmstat. */
  count(name: string): number {
    return vmstatValue(this.sys, name);
  }
}
