import { describe, expect, it } from "vitest";
import {
  type BootMemory,
  firmwareMap,
  INITRD_BYTES,
  reserveForKernel,
} from "../../../lib/mm/pages/boot_reserve.js";
import { Memblock } from "../../../lib/mm/pages/memblock.js";

const MIB = 2 ** 20;
const machine = (mib: number, more: Partial<BootMemory> = {}): BootMemory => ({
  ramBytes: mib * MIB,
  nrCpus: 1,
  nrDisks: 0,
  initrdBytes: INITRD_BYTES,
  ...more,
});

/** Pages that are free while the kernel starts, and when it is up. */
function freePages(boot: BootMemory): [number, number] {
  const memblock = new Memblock(firmwareMap(boot));
  const later = reserveForKernel(memblock, boot);
  const early = memblock.nrFreePages;
  for (const { start, end } of later) memblock.free(start, end - start);
  return [early, memblock.nrFreePages];
}

describe("the firmware's map", () => {
  it("lacks the first page, the end of the first 640 KiB, and 128 KiB at the top", () => {
    expect(firmwareMap(machine(256))).toEqual([
      { start: 0x1000, end: 0x9fc00 },
      { start: 0x10_0000, end: 0xffe_0000 },
    ]);
  });

  it("lacks 12 KiB for each disk", () => {
    expect(firmwareMap(machine(256, { nrDisks: 2 }))[1]!.end).toBe(0xffe_0000 - 2 * 0x3000);
  });

  it("leaves the addresses from 3 to 4 GiB to devices from 3.5 GiB of RAM on", () => {
    expect(firmwareMap(machine(3583))).toHaveLength(2);
    expect(firmwareMap(machine(4096)).slice(1)).toEqual([
      { start: 0x10_0000, end: 0xbffe_0000 },
      { start: 0x1_0000_0000, end: 0x1_4000_0000 },
    ]);
  });
});

describe("what the kernel keeps", () => {
  it("leaves the allocator the pages that recorded machines of many sizes say they have", () => {
    // MemTotal in kB, as /proc/meminfo of Debian's 6.18.15 said, without a disk
    const recorded: [number, number][] = [
      [128, 82384],
      [192, 145680],
      [256, 211216],
      [384, 339852],
      [512, 468876],
      [768, 726156],
      [1024, 984208],
      [2048, 2014864],
      [3072, 3043980],
      [4096, 4009860],
    ];
    expect(recorded.map(([mib]) => [mib, freePages(machine(mib))[1] * 4])).toEqual(recorded);
  });

  it("is the same with disks and a larger initial file system, but for the firmware's queues", () => {
    const disks = (mib: number, nrDisks: number): number =>
      freePages(machine(mib, { nrDisks, initrdBytes: 4388 * 1024 }))[1] * 4;
    expect([disks(192, 1), disks(192, 2), disks(256, 1), disks(1024, 2)]).toEqual([
      145664, 145652, 211200, 984184,
    ]);
  });

  it("gives 2108 pages of the image and the initial file system back when the kernel is up", () => {
    const [early, late] = freePages(machine(256));
    expect(late - early).toBe(2108 + 235);
    const [withoutInitrd, all] = freePages(machine(256, { initrdBytes: 0 }));
    expect(all - withoutInitrd).toBe(2108);
  });

  it("grows by 2 MiB of page structs with each 128 MiB, and by the hash tables with each doubling", () => {
    const kept = (mib: number): number => mib * 256 - freePages(machine(mib))[1];
    // 1024 MiB: tables of 256 and 128 pages; 2048 MiB: 512 and 256
    expect(kept(2048) - kept(1024)).toBe(8 * 512 + 384);
    expect(kept(1152) - kept(1024)).toBeGreaterThanOrEqual(512);
  });

  it("has pages for each processor", () => {
    const [, one] = freePages(machine(1024));
    const [, four] = freePages(machine(1024, { nrCpus: 4 }));
    expect(one - four).toBe(3 * 62);
  });

  it("has bounce buffers once there is RAM above 4 GiB", () => {
    const kept = (mib: number): number => mib * 256 - freePages(machine(mib))[1];
    expect(kept(3584) - kept(3456)).toBeGreaterThan(16384);
  });
});
