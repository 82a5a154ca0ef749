/**
 * What the methods of the processor's parts and of the small machines of lab 01 take: one table for each
 * class, checked before the method runs.
 *
 *   table.map(0x400000)                     TypeError: pageTable.map(): pfn must be a whole number from 0, not undefined
 *
 * What the machine itself does all the time is not here (Ram, Mmu, Tlb, Clock, Cpu's loads, stores and
 * flushes): one comparison there does it.
 *
 * Imported for its effect by kernel/machine.ts. Read first: signature.ts.
 */
import { BareMachine } from "./bare.js";
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
  load64: { va: "integer" },
  store64: { va: "integer", value: "entry" },
  loadBig: { va: "integer", sizeBytes: "count" },
  storeBig: { va: "integer", value: "entry", sizeBytes: "count" },
});

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
