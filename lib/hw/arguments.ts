/**
 * What the methods of the processor's parts and of the small machines of lab 01 take: one table for each class, checked before the
 * method runs.
 *
 *   table.map(0x400000)                     TypeError: pageTable.map(): pfn must be a whole number from 0, not undefined
 *
 * What runs for every access is not here (Ram, Mmu, Tlb, Cpu's loads and stores): one comparison there does it.
 *
 * Imported for its effect by kernel/machine.ts. Read first: signature.ts.
 */
import { BareMachine } from "./bare.js";
import { Clock } from "./clock.js";
import { Cpu } from "./cpu.js";
import { BareFrames } from "./frames.js";
import { PageTable } from "./page_table.js";
import { Random } from "./random.js";
import { SegmentedMemory } from "./segmentation.js";
import { checkMethods, type OptionKinds } from "./signature.js";

const MAP_FLAGS: OptionKinds = { writable: "flag", user: "flag", executable: "flag", global: "flag" };

checkMethods("pageTable", PageTable, {
  map: { va: "integer", pfn: "count", flags: MAP_FLAGS, sizeBytes: "count?" },
  mapNew: { va: "integer", nrPages: "count?", flags: MAP_FLAGS },
  unmap: { va: "integer" },
});

checkMethods("cpu", Cpu, {
  writeCr3: { value: "count", noFlush: "flag?" },
  invlpg: { va: "integer" },
  invpcid: { type: "count", pcid: "count?", va: "integer?" },
  flushOne: { va: "integer", pcid: "count?" },
  flushRange: { start: "integer", end: "integer", pcid: "count?", strideBytes: "count?" },
  flushPcid: { pcid: "count?" },
  load64: { va: "integer" },
  store64: { va: "integer", value: "entry" },
  loadBig: { va: "integer", sizeBytes: "count" },
  storeBig: { va: "integer", value: "entry", sizeBytes: "count" },
});

checkMethods("clock", Clock, { advance: { ns: "number" } });

checkMethods("frames", BareFrames, { allocRun: { nrFrames: "count" }, freeFrame: { pfn: "count" } });

checkMethods("random", Random, {
  between: { first: "integer", last: "integer" },
  chance: { percent: "number" },
  pick: { choices: "list" },
});

checkMethods("bareMachine", BareMachine, {
  load: { address: "count", sizeBytes: "count" },
  store: { address: "count", sizeBytes: "count", value: "number" },
  throughSegment: { segment: "object" },
});

checkMethods("segmentedMemory", SegmentedMemory, {
  allocate: { name: "text", sizeBytes: "count" },
  free: { segment: "object" },
});
