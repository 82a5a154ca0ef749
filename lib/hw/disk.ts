/**
 * The disk: blocks of 4096 bytes behind a queue, and what it costs to move them.
 *
 *   one request    latencyNs + nrBlocks * blockNs        a run of neighbouring blocks is one request
 *
 * The figures are those of a plain SSD: 80 microseconds until the first byte, then 2 GB/s. A block never written reads as
 * zeros and takes no memory of the host.
 *
 * Not in Linux: this is the hardware.
 *
 * Read first: clock.ts.
 */
import { PAGE_SIZE } from "./address.js";

/** What the disk needs of the clock. */
export interface DiskClock {
  advance(ns: number): void;
}

/** What a disk costs; figures may be replaced one by one. */
export interface DiskCosts {
  /** From a request until its first byte. */
  readonly latencyNs: number;
  /** For each block of a request. */
  readonly blockNs: number;
}

/** A plain SSD. */
export const SSD: DiskCosts = { latencyNs: 80_000, blockNs: 2_000 };

/** One disk. */
export class Disk {
  /** Requests and blocks so far. Linux /proc/diskstats */
  readRequests = 0;
  readBlocks = 0;
  writeRequests = 0;
  writeBlocks = 0;
  private readonly blocks = new Map<number, Uint8Array>();
  private readonly clock: DiskClock;
  private readonly costs: DiskCosts;

  constructor(clock: DiskClock, costs: DiskCosts = SSD) {
    this.clock = clock;
    this.costs = costs;
  }

  /** Starts a request that reads `nrBlocks` neighbouring blocks: its time is charged. */
  startRead(nrBlocks: number): void {
    this.readRequests++;
    this.readBlocks += nrBlocks;
    this.clock.advance(this.costs.latencyNs + nrBlocks * this.costs.blockNs);
  }

  /** Starts a request that writes `nrBlocks` neighbouring blocks. */
  startWrite(nrBlocks: number): void {
    this.writeRequests++;
    this.writeBlocks += nrBlocks;
    this.clock.advance(this.costs.latencyNs + nrBlocks * this.costs.blockNs);
  }

  /** Copies block `nr` into `to` (4096 bytes). */
  read(nr: number, to: Uint8Array): void {
    const block = this.blocks.get(nr);
    if (block === undefined) to.fill(0);
    else to.set(block);
  }

  /** Stores `bytes` (4096 bytes) in block `nr`. */
  write(nr: number, bytes: Uint8Array): void {
    const block = this.blocks.get(nr);
    if (block === undefined) this.blocks.set(nr, bytes.slice(0, PAGE_SIZE));
    else block.set(bytes);
  }

  /** The contents of block `nr` are not wanted any more. */
  discard(nr: number): void {
    this.blocks.delete(nr);
  }
}
