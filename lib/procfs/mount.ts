/**
 * Mounting /proc: gives every machine its `procfs`.
 *
 *   machine.procfs.read("/proc/meminfo")      machine.procfs.export("/tmp/proc")
 *
 * The kernel knows nothing of /proc, as the arrows of imports demand; importing this file adds the property to Machine, as
 * mounting adds a file system to a running kernel. A program that runs on the machine reads the same texts.
 *
 * Read first: procfs.ts, kernel/machine.ts.
 */
import type { Kernel } from "../kernel/kernel.js";
import { Machine } from "../kernel/machine.js";
import { ProcFs } from "./procfs.js";

declare module "../kernel/machine.js" {
  interface Machine {
    /** What this machine shows under /proc. man 5 proc */
    readonly procfs: ProcFs;
  }
}

const mounted = new WeakMap<Kernel, ProcFs>();

/** The /proc of `machine`, the same object as long as its kernel runs. Linux fs/proc/root.c:proc_get_tree() */
export function procfsOf(machine: Machine): ProcFs {
  const { kernel } = machine;
  let procfs = mounted.get(kernel);
  if (procfs === undefined) {
    procfs = new ProcFs(kernel.sys, () => kernel.tasks.values());
    mounted.set(kernel, procfs);
  }
  return procfs;
}

Object.defineProperty(Machine.prototype, "procfs", {
  get(this: Machine): ProcFs {
    return procfsOf(this);
  },
});
