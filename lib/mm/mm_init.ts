/**
 * Bringing memory management up: zones, the zero page, the parts.
 *
 *   new MemorySystem(ram, clock) --> mmInit(sys, cpus, parts) --> ready for the first mm
 *
 * Read first: system.ts. Read next: mm/pages/page_alloc.ts.
 */
import type { Cpu } from "../hw/cpu.js";
import { linuxMmParts } from "./linux_parts.js";
import { allocReservedPage, initZones, setupPerCpuPageset } from "./pages/page_alloc.js";
import { initWmarkMin } from "./pages/wmark.js";
import type { MmParts } from "./parts.js";
import type { MemorySystem } from "./system.js";

/** Hands RAM to the zones and installs the parts; once for each machine. Linux mm/mm_init.c:mm_core_init() */
export function mmInit(sys: MemorySystem, cpus: readonly Cpu[] = [], parts: Partial<MmParts> = {}): void {
  sys.parts = { ...linuxMmParts(), ...parts };
  sys.cpus = cpus;
  initZones(sys);
  setupPerCpuPageset(sys);
  sys.zeroPfn = allocReservedPage(sys).pfn;
  initWmarkMin(sys);
}
