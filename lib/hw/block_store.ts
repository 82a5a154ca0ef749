/**
 * What a block device holds: bytes by block, and as much of the host's memory as was written.
 *
 *   block 0 .. 255         256 .. 511      512 ..
 *        +------------+   +------------+
 *   bytes| 1 MiB      |   | 1 MiB      |   not there: nothing was written, reads as zeros
 *        +------------+   +------------+
 *   sizes 4096 8 0 ...     0 0 17 ...      bytes of each block from its start; behind them are zeros
 *
 * A chunk is taken from the host with its first block, and the host backs only the pages of it that are used.
 * Frames of which programs have written only a few bytes (ram.ts) cost only these here, too.
 *
 * Not in Linux: this is the hardware. Read first: ram.ts. Read next: block_device.ts.
 */
import { PAGE_SIZE, type Pfn } from "./address.js";
import type { Ram } from "./ram.js";

/** log2 of the blocks in a chunk. */
const CHUNK_SHIFT = 8;
const CHUNK_BLOCKS = 2 ** CHUNK_SHIFT;

interface Chunk {
  readonly bytes: Uint8Array;
  /** Of each block; behind them it is zeros. */
  readonly sizes: Int32Array;
}

/** The blocks of one device. Not in Linux. */
export class BlockStore {
  private readonly chunks = new Map<number, Chunk>();

  private chunkOf(nr: number): Chunk | undefined {
    return this.chunks.get(Math.floor(nr / CHUNK_BLOCKS));
  }

  private chunkToWrite(nr: number): Chunk {
    const chunk = this.chunkOf(nr);
    if (chunk !== undefined) return chunk;
    const created = { bytes: new Uint8Array(CHUNK_BLOCKS * PAGE_SIZE), sizes: new Int32Array(CHUNK_BLOCKS) };
    this.chunks.set(Math.floor(nr / CHUNK_BLOCKS), created);
    return created;
  }

  /** Copies block `nr` into `to` (4096 bytes). */
  read(nr: number, to: Uint8Array): void {
    const chunk = this.chunkOf(nr);
    const block = nr % CHUNK_BLOCKS;
    const size = chunk?.sizes[block] ?? 0;
    if (chunk !== undefined) to.set(chunk.bytes.subarray(block * PAGE_SIZE, block * PAGE_SIZE + size));
    to.fill(0, size, PAGE_SIZE);
  }

  /** Stores the first 4096 bytes of `bytes` in block `nr`. */
  write(nr: number, bytes: Uint8Array): void {
    const chunk = this.chunkToWrite(nr);
    const block = nr % CHUNK_BLOCKS;
    chunk.bytes.set(bytes.subarray(0, PAGE_SIZE), block * PAGE_SIZE);
    chunk.sizes[block] = PAGE_SIZE;
  }

  /** Copies block `nr` into frame `pfn`. */
  readFrame(nr: number, ram: Ram, pfn: Pfn): void {
    const chunk = this.chunkOf(nr);
    const block = nr % CHUNK_BLOCKS;
    if (chunk === undefined) ram.zeroFrame(pfn);
    else ram.loadFrame(pfn, chunk.bytes, block * PAGE_SIZE, chunk.sizes[block]!);
  }

  /** Stores frame `pfn` in block `nr`. */
  writeFrame(nr: number, ram: Ram, pfn: Pfn): void {
    const chunk = this.chunkToWrite(nr);
    const block = nr % CHUNK_BLOCKS;
    chunk.sizes[block] = ram.saveFrame(pfn, chunk.bytes, block * PAGE_SIZE);
  }

  /** Block `nr` reads as zeros from now on. */
  discard(nr: number): void {
    const chunk = this.chunkOf(nr);
    if (chunk !== undefined) chunk.sizes[nr % CHUNK_BLOCKS] = 0;
  }
}
