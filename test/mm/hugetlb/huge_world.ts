/** A machine with a pool of huge pages, and what its tests ask. */
import { expect } from "vitest";
import { type BootOptions, boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import type { MmStruct } from "../../../lib/mm/mm_types.js";
import { ProcFs } from "../../../lib/procfs/procfs.js";

/** Bytes of a page of the default pool. */
export const HUGE = 2 ** 21;

/** The machine, its /proc, and short questions. */
export class HugeWorld {
  readonly machine: Machine;
  readonly procfs: ProcFs;

  /** `pages` of 2 MiB in the pool, of a machine of 64 MiB. */
  constructor(pages: number, options: BootOptions = {}) {
    this.machine = boot({ ram: "64 MiB", hugepages: { "2M": pages }, ...options });
    const { kernel } = this.machine;
    this.procfs = new ProcFs(kernel.sys, () => [...kernel.tasks.values()]);
  }

  /** Total, Free, Rsvd, Surp. */
  pool(): number[] {
    const text = this.procfs.read("/proc/meminfo");
    return ["Total", "Free", "Rsvd", "Surp"].map((name) =>
      Number(new RegExp(`HugePages_${name}: +(\\d+)`).exec(text)![1]),
    );
  }

  /** A process that survives SIGBUS. */
  spawn(name = "p"): Process {
    const process = this.machine.spawn(name);
    process.on("SIGBUS", () => {});
    return process;
  }

  /** What the process cannot do: the name of its error, or "" if it can. */
  failing(act: () => unknown): string {
    try {
      act();
      return "";
    } catch (error) {
      return (error as { code?: string; signal?: string }).signal ?? (error as { code: string }).code;
    }
  }

  /** Sets the size of the default pool. */
  resize(pages: number, file = "nr_hugepages"): void {
    expect(this.procfs.tryWrite(`/proc/sys/vm/${file}`, String(pages))).toBe(0);
  }

  /** Recomputes every counter. */
  check(): void {
    const { kernel } = this.machine;
    const mms: MmStruct[] = [kernel.initMm, ...[...kernel.tasks.values()].flatMap(({ mm }) => mm ?? [])];
    checkInvariants(kernel.sys, mms);
  }
}
