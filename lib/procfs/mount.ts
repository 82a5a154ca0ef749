/**
 * Mounting /proc and /sys: gives every machine its `procfs`, and its processes the same files by path.
 *
 *   machine.procfs.read("/proc/meminfo")
 *   alice.open("/proc/self/maps")
 *
 * The kernel knows nothing of /proc, as the arrows of imports demand; importing this file registers it, as
 * loading a module does, and adds the property to Machine.
 *
 * Read first: procfs.ts, kernel/filesystems.ts, kernel/machine.ts.
 */
import { type MountingKernel, registerFilesystem } from "../kernel/filesystems.js";
import { Machine } from "../kernel/machine.js";
import "./arguments.js";
import { ProcFs } from "./procfs.js";

declare module "../kernel/machine.js" {
  interface Machine {
    /** What this machine shows under /proc and /sys. man 5 proc */
    readonly procfs: ProcFs;
  }
}

const mounted = new WeakMap<MountingKernel, ProcFs>();

/** The /proc of a kernel. Linux fs/proc/root.c:proc_get_tree() */
function mountProcfs(kernel: MountingKernel): ProcFs {
  let procfs = mounted.get(kernel);
  if (procfs === undefined) {
    procfs = new ProcFs(
      kernel.sys,
      () => kernel.tasks.values(),
      () => kernel.files.allInodes(),
    );
    mounted.set(kernel, procfs);
  }
  return procfs;
}

registerFilesystem("/proc", mountProcfs);
registerFilesystem("/sys", mountProcfs);

/** The /proc of `machine`, the same object as long as its kernel runs. */
export function procfsOf(machine: Machine): ProcFs {
  return mountProcfs(machine.kernel);
}

Object.defineProperty(Machine.prototype, "procfs", {
  get(this: Machine): ProcFs {
    return procfsOf(this);
  },
});
