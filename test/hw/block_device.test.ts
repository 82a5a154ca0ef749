import { describe, expect, it } from "vitest";
import {
  BLOCK_MODELS,
  BlockDevice,
  type BlockModel,
  type BlockRequest,
  blockModel,
} from "../../lib/hw/block_device.js";
import { Clock } from "../../lib/hw/clock.js";
import { EventQueue } from "../../lib/hw/events.js";
import { Ram } from "../../lib/hw/ram.js";

function device(model?: BlockModel) {
  const ram = new Ram(2 ** 20);
  const clock = new Clock();
  const events = new EventQueue();
  const disk = new BlockDevice(ram, clock, events, model);
  const ended: BlockRequest[] = [];
  const owner = { endIo: (request: BlockRequest) => void ended.push(request) };
  const send = (op: "read" | "write", block: number, pfns: number[]) =>
    disk.submit(op, block, pfns, owner, {});
  const finish = (): void => {
    while (events.happen({ nowNs: 0 }) !== undefined);
  };
  return { ram, clock, events, disk, ended, send, finish };
}

describe("a block device", () => {
  it("moves the bytes when the request ends, and charges nobody", () => {
    const { ram, clock, send, finish, ended, disk } = device();
    ram.frame(3).fill(7);
    send("write", 100, [3]);
    const read = send("read", 100, [4]);
    expect(ram.frame(4)[0]).toBe(0);
    expect([disk.inFlight, clock.nowNs, read.ended]).toEqual([2, 0, false]);
    finish();
    expect(ram.frame(4)[0]).toBe(7);
    expect([disk.inFlight, clock.nowNs, read.ended]).toEqual([0, 0, true]);
    expect(ended.map(({ op }) => op)).toEqual(["write", "read"]);
    expect([disk.readRequests, disk.readBlocks, disk.writeRequests, disk.writeBlocks]).toEqual([1, 1, 1, 1]);
  });

  it("ssd: 80 us and 2 us a block; latencies overlap, data follow one another", () => {
    const { send, clock } = device();
    expect(send("read", 0, [1, 2, 3, 4]).doneNs).toBe(80_000 + 4 * 2_000);
    expect(send("read", 50, [5]).doneNs).toBe(90_000); // behind the other's data
    clock.nowNs = 200_000;
    expect(send("read", 60, [6]).doneNs).toBe(282_000);
  });

  it("ssd: the ninth request waits for one of eight channels", () => {
    const { send } = device({ ...BLOCK_MODELS.ssd, blockNs: 1 });
    const done = Array.from({ length: 9 }, (_, i) => send("read", 10 * i, [1]).doneNs);
    expect(done[7]).toBe(80_008);
    expect(done[8]).toBe(80_001 + 80_000 + 1);
  });

  it("hdd: what goes on where the last ended costs its data only, anything else the arm's way and half a turn", () => {
    const { send } = device(BLOCK_MODELS.hdd);
    const { latencyNs, blockNs, arm } = BLOCK_MODELS.hdd;
    const first = send("read", 0, [1, 2]);
    expect(first.doneNs).toBe(latencyNs + 2 * blockNs);
    const next = send("read", 2, [3]);
    expect(next.doneNs - first.doneNs).toBe(latencyNs + blockNs);
    const far = send("read", arm.nrBlocks + 3, [4]);
    expect(far.doneNs - next.doneNs).toBe(latencyNs + Math.round(arm.fullNs + arm.turnNs / 2) + blockNs);
    const near = send("read", arm.nrBlocks + 5, [5]);
    expect(near.doneNs - far.doneNs).toBeLessThan(
      latencyNs + arm.trackNs + 10_000 + arm.turnNs / 2 + blockNs,
    );
  });

  it("usb: writing is slower than reading", () => {
    const { send, clock } = device(BLOCK_MODELS.usb);
    const read = send("read", 0, [1]).doneNs;
    clock.nowNs = 10_000_000;
    expect(send("write", 0, [1]).doneNs - clock.nowNs - read).toBe(400_000 - 136_000);
  });

  it("fails the requests it is told to: a read brings nothing, a write leaves the old bytes", () => {
    const { ram, disk, send, finish, ended } = device();
    ram.frame(1).fill(1);
    ram.frame(2).fill(2);
    send("write", 9, [1]);
    disk.failRequests("write", 9, 9);
    send("write", 9, [2]);
    disk.failRequests("read", 9, 9, 2);
    send("read", 8, [3, 4]);
    send("read", 10, [5]);
    send("read", 9, [6]);
    send("read", 9, [7]);
    finish();
    expect(ended.map(({ failed }) => failed)).toEqual([false, true, true, false, true, false]);
    expect([3, 4, 6, 7].map((pfn) => ram.frame(pfn)[0])).toEqual([0, 0, 0, 1]);
  });

  it("refuses requests of no or too many blocks, and names that it does not know", () => {
    const { send } = device();
    expect(() => send("read", 0, [])).toThrow("a request of 0 blocks is not 1 to 1024");
    expect(() => send("read", 0, new Array(1025).fill(1))).toThrow("1025 blocks");
    expect(() => blockModel("floppy" as "ssd")).toThrow('there is no disk "floppy"; there are ssd, hdd, usb');
    const { ssd, hdd } = BLOCK_MODELS;
    expect(() => blockModel({ ...ssd, channels: 0 })).toThrow("channels 0 is not a whole number from 1 up");
    expect(() => blockModel({ ...ssd, latencyNs: Number.NaN })).toThrow(
      "latencyNs NaN is not a number from 0",
    );
    expect(() => blockModel({ ...hdd, arm: { ...hdd.arm, turnNs: -1 } })).toThrow("turnNs -1 is not");
    expect(() => blockModel(null as never)).toThrow("disk is a name or a model, not null");
    expect(blockModel(hdd)).toBe(hdd);
    expect(blockModel({ bytesPerSecond: 1e6 })).toMatchObject({
      channels: 1,
      latencyNs: 0,
      blockNs: 4_096_000,
    });
    expect(() => blockModel({ bytesPerSecond: 0 })).toThrow("bytesPerSecond 0 is not a number above 0");
  });

  it("refuses to fail what is no request", () => {
    const { disk } = device();
    expect(() => disk.failRequests("reed" as "read")).toThrow('"read" or "write", not "reed"');
    expect(() => disk.failRequests("read", 0, 9, 0)).toThrow("a whole number of times from 1 up, not 0");
  });
});
