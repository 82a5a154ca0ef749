/**
 * Block devices: blocks of 4096 bytes behind a queue, what it costs to move them, and when that is done.
 *
 *   submit(read, blocks 100..131 --> frames)      nobody waits: the answer is a request that says doneNs
 *        |
 *        v         channels (an SSD has several)        one way for the data
 *   [ request ]--> wait for a free one --> latency, --> nrBlocks * blockNs --> event: the bytes are in RAM,
 *                                          or seek and                                owner.endIo(request)
 *                                          rotation
 *
 * An SSD takes up several requests at a time; their latencies overlap, their data follow one another. A disk
 * that turns has one arm: a request costs the way from where the arm is, half a turn, and its data; one that
 * goes on where the last ended costs its data only. Requests are served in the order in which they come. A
 * block never written reads as zeros and takes no memory of the host.
 *
 * `failRequests` makes requests fail, as a worn-out device does; the owner is told, nobody else.
 *
 * Differs from Linux: no I/O scheduler sorts the requests (as for NVMe, /sys/block/DEV/queue/scheduler
 * "none"); neighbours are put together by whoever submits them. The bytes of a write are taken when it is
 * submitted.
 *
 * Read first: events.ts. Read next: fs/ext4.ts.
 */
import type { Pfn } from "./address.js";
import { PAGE_SIZE } from "./address.js";
import { BlockStore } from "./block_store.js";
import type { EventQueue } from "./events.js";
import { valueText } from "./options.js";
import type { Ram } from "./ram.js";

/** Kind of the event by which a request ends. Linux block/blk-mq.c:blk_mq_complete_request() */
export const BLK_COMPLETE = "blk_mq_complete_request";

/** Blocks in one request at most: 4 MiB, /sys/block/DEV/queue/max_sectors_kb as measured. */
export const MAX_REQUEST_BLOCKS = 1024;

/** What a device costs. Not in Linux: this is the hardware. */
export interface BlockModel {
  readonly name: string;
  /** Requests that it works on at the same time. */
  readonly channels: number;
  /** From a request's start until its first byte, in ns. */
  readonly latencyNs: number;
  /** For each block read, in ns. */
  readonly blockNs: number;
  /** For each block written, if that differs. */
  readonly writeBlockNs?: number;
  /** It turns: the arm moves, and the block must come by. */
  readonly arm?: ArmModel;
}

/** The arm of a disk that turns. */
export interface ArmModel {
  /** To the next track, and from one end to the other; in between it grows with the root of the way. */
  readonly trackNs: number;
  readonly fullNs: number;
  /** One turn. */
  readonly turnNs: number;
  /** Blocks from one end to the other. */
  readonly nrBlocks: number;
}

/**
 * Devices by name; 80 microseconds and 2 GB/s; 7200 turns a minute and 150 MB/s; a memory stick with 30 and
 * 10 MB/s.
 */
export const BLOCK_MODELS = {
  ssd: { name: "ssd", channels: 8, latencyNs: 80_000, blockNs: 2_000 },
  hdd: {
    name: "hdd",
    channels: 1,
    latencyNs: 100_000,
    blockNs: 27_000,
    arm: { trackNs: 1_000_000, fullNs: 15_000_000, turnNs: 8_333_333, nrBlocks: 2 ** 27 },
  },
  usb: { name: "usb", channels: 1, latencyNs: 1_000_000, blockNs: 136_000, writeBlockNs: 400_000 },
} as const satisfies Record<string, BlockModel>;

/** Name of a device that can be had. */
export type BlockModelName = keyof typeof BLOCK_MODELS;

/** A device of which only the speed is known: no latency, one request at a time. Not in Linux. */
export interface DiskSpeed {
  readonly bytesPerSecond: number;
}

/** Who submits requests, and is told of their end. */
export interface RequestOwner {
  endIo(request: BlockRequest): void;
}

/** One request: neighbouring blocks from or to frames. Linux include/linux/blk-mq.h:struct request */
export interface BlockRequest {
  readonly device: BlockDevice;
  readonly op: "read" | "write";
  readonly firstBlock: number;
  /** Frame of each block. */
  readonly pfns: readonly Pfn[];
  readonly owner: RequestOwner;
  /** What the owner wants to know of it at the end. */
  readonly about: object;
  /** When it will be, or was, done. */
  readonly doneNs: number;
  /** The device could not do it. */
  readonly failed: boolean;
  /** The owner has been told. */
  ended: boolean;
}

/** Requests that will fail. Linux block/blk-core.c:should_fail_request() */
export interface RequestFailure {
  readonly op: "read" | "write";
  /** Only requests with one of these blocks. */
  readonly first: number;
  readonly last: number;
  /** How many more. */
  times: number;
}

/** What the device needs of the clock. */
export interface DeviceClock {
  readonly nowNs: number;
}

/** One block device. Linux include/linux/blkdev.h:struct gendisk */
export class BlockDevice {
  /** Requests and blocks so far. Linux /proc/diskstats */
  readRequests = 0;
  readBlocks = 0;
  writeRequests = 0;
  writeBlocks = 0;
  /** Requests that were submitted and have not ended. Linux /sys/block/DEV/inflight */
  inFlight = 0;
  readonly model: BlockModel;
  private readonly failures: RequestFailure[] = [];
  private readonly blocks = new BlockStore();
  private readonly ram: Ram;
  private readonly clock: DeviceClock;
  private readonly events: EventQueue;
  /** Until when each channel is taken, and the way of the data. */
  private readonly channelNs: number[];
  private dataNs = 0;
  /** The block after the last one that was moved. */
  private armAt = 0;

  constructor(ram: Ram, clock: DeviceClock, events: EventQueue, model: BlockModel = BLOCK_MODELS.ssd) {
    this.ram = ram;
    this.clock = clock;
    this.events = events;
    this.model = model;
    this.channelNs = new Array<number>(model.channels).fill(0);
    events.on(BLK_COMPLETE, (request) => endRequest(request as BlockRequest));
  }

  /**
   * Sends a request for the neighbouring blocks from `firstBlock` on, one for each of `pfns`; nobody waits.
   * `about` is for the owner. RangeError for no or too many blocks. Linux block/blk-core.c:submit_bio()
   */
  submit(
    op: "read" | "write",
    firstBlock: number,
    pfns: readonly Pfn[],
    owner: RequestOwner,
    about: object,
  ): BlockRequest {
    if (pfns.length < 1 || pfns.length > MAX_REQUEST_BLOCKS)
      throw new RangeError(`a request of ${pfns.length} blocks is not 1 to ${MAX_REQUEST_BLOCKS}`);
    const failed = this.fails(op, firstBlock, firstBlock + pfns.length - 1);
    const doneNs = this.schedule(op, firstBlock, pfns.length);
    this.count(op, pfns.length);
    if (op === "write" && !failed)
      for (let i = 0; i < pfns.length; i++) this.blocks.writeFrame(firstBlock + i, this.ram, pfns[i]!);
    const ended = false;
    const request = { device: this, op, firstBlock, pfns, owner, about, doneNs, failed, ended };
    this.events.post(doneNs, BLK_COMPLETE, request);
    return request;
  }

  private count(op: "read" | "write", nrBlocks: number): void {
    this.inFlight++;
    if (op === "read") {
      this.readRequests++;
      this.readBlocks += nrBlocks;
    } else {
      this.writeRequests++;
      this.writeBlocks += nrBlocks;
    }
  }

  /** When a request sent now is done; takes up the channel and the data's way until then. */
  private schedule(op: "read" | "write", firstBlock: number, nrBlocks: number): number {
    const { model } = this;
    const channelNs: number[] = this.channelNs;
    let channel = 0;
    for (let i = 1; i < channelNs.length; i++) if (channelNs[i]! < channelNs[channel]!) channel = i;
    const startNs = Math.max(this.clock.nowNs, channelNs[channel]!);
    const blockNs = op === "write" ? (model.writeBlockNs ?? model.blockNs) : model.blockNs;
    const readyNs = startNs + model.latencyNs + this.armNs(firstBlock);
    const doneNs = Math.max(readyNs, this.dataNs) + nrBlocks * blockNs;
    channelNs[channel] = doneNs;
    this.dataNs = doneNs;
    this.armAt = firstBlock + nrBlocks;
    return doneNs;
  }

  /** How long the arm needs to `block`. */
  private armNs(block: number): number {
    const { arm } = this.model;
    const way = Math.abs(block - this.armAt);
    if (arm === undefined || way === 0) return 0;
    const seekNs = arm.trackNs + (arm.fullNs - arm.trackNs) * Math.sqrt(Math.min(1, way / arm.nrBlocks));
    return Math.round(seekNs + arm.turnNs / 2);
  }

  /**
   * The next `times` requests of kind `op` that touch one of blocks [first, last] fail. Linux
   * CONFIG_FAIL_MAKE_REQUEST, /sys/kernel/debug/fail_make_request. RangeError for another kind of request, or
   * no number of times.
   */
  failRequests(op: "read" | "write", first = 0, last = Number.POSITIVE_INFINITY, times = 1): void {
    if (op !== "read" && op !== "write")
      throw new RangeError(`requests are of kind "read" or "write", not ${valueText(op)}`);
    if (!(Number.isInteger(times) && times > 0))
      throw new RangeError(`requests fail a whole number of times from 1 up, not ${valueText(times)}`);
    this.failures.push({ op, first, last, times });
  }

  private fails(op: "read" | "write", first: number, last: number): boolean {
    if (this.failures.length === 0) return false;
    const at = this.failures.findIndex((rule) => rule.op === op && rule.first <= last && rule.last >= first);
    if (at < 0) return false;
    if (--this.failures[at]!.times === 0) this.failures.splice(at, 1);
    return true;
  }

  /** The request's time has come. */
  end(request: BlockRequest): void {
    this.inFlight--;
    if (request.op === "read" && !request.failed)
      for (let i = 0; i < request.pfns.length; i++)
        this.blocks.readFrame(request.firstBlock + i, this.ram, request.pfns[i]!);
    request.ended = true;
    request.owner.endIo(request);
  }

  /** Copies block `nr` into `to` (4096 bytes), at once: what the device holds, not how long it takes. */
  read(nr: number, to: Uint8Array): void {
    this.blocks.read(nr, to);
  }

  /** Stores `bytes` (4096 bytes) in block `nr`, at once. */
  write(nr: number, bytes: Uint8Array): void {
    this.blocks.write(nr, bytes);
  }

  /** The contents of block `nr` are not wanted any more. Linux REQ_OP_DISCARD */
  discard(nr: number): void {
    this.blocks.discard(nr);
  }
}

function endRequest(request: BlockRequest): void {
  request.device.end(request);
}

/**
 * The model called `name`, or `name` itself if it is a model, or one with that speed. RangeError for a name
 * that is none, or a figure that no device has.
 * Not in Linux.
 */
export function blockModel(name: BlockModelName | BlockModel | DiskSpeed = "ssd"): BlockModel {
  if (typeof name === "object" && name !== null && "bytesPerSecond" in name) return modelOfSpeed(name);
  if (typeof name !== "string") return checkModel(name);
  if (!Object.hasOwn(BLOCK_MODELS, name))
    throw new RangeError(`there is no disk "${name}"; there are ${Object.keys(BLOCK_MODELS).join(", ")}`);
  return BLOCK_MODELS[name];
}

function modelOfSpeed({ bytesPerSecond }: DiskSpeed): BlockModel {
  if (!(Number.isFinite(bytesPerSecond) && bytesPerSecond > 0))
    throw new RangeError(`disk: bytesPerSecond ${valueText(bytesPerSecond)} is not a number above 0`);
  return {
    name: `${bytesPerSecond} bytes/s`,
    channels: 1,
    latencyNs: 0,
    blockNs: Math.round((PAGE_SIZE / bytesPerSecond) * 1e9),
  };
}

function checkModel(model: BlockModel): BlockModel {
  if (typeof model !== "object" || model === null)
    throw new TypeError(`disk is a name or a model, not ${valueText(model)}`);
  const { channels, latencyNs, blockNs, writeBlockNs = 0, arm } = model;
  if (!(Number.isInteger(channels) && channels >= 1))
    throw new RangeError(`disk: channels ${valueText(channels)} is not a whole number from 1 up`);
  for (const [name, ns] of Object.entries({ latencyNs, blockNs, writeBlockNs, ...arm }))
    if (!(Number.isFinite(ns) && ns >= 0))
      throw new RangeError(`disk: ${name} ${valueText(ns)} is not a number from 0 up`);
  return model;
}
