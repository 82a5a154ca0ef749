/**
 * All of a machine's /proc as files of the host, for programs that read them.
 *
 *     machine.procfs.export("/tmp/proc") ---> /tmp/proc/meminfo, /tmp/proc/7/maps, /tmp/proc/7/pagemap, ...
 *     mount --bind /tmp/proc /proc && free -k && pmap -x 7
 *
 * Importing this file adds the method to ProcFs, as procfs/mount.ts adds `procfs` to Machine: the machine
 * itself knows nothing of the host.
 *
 * Read first: procfs/procfs.ts. Not in Linux: part of the course, not of the machine.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkMethods } from "../hw/signature.js";
import { ProcFs, type ProcImage } from "../procfs/procfs.js";

declare module "../procfs/procfs.js" {
  interface ProcFs {
    /**
     * Writes all of /proc into the folder `dir` (made if need be), laid out as under /proc, so that programs
     * can read it. pagemap files are sparse: their size is that of the address space, what they take is what
     * is mapped. Not in Linux.
     */
    export(dir: string): void;
  }
}

ProcFs.prototype.export = function (this: ProcFs, dir: string): void {
  for (const image of this.images()) writeImage(join(dir, image.path.slice("/proc/".length)), image);
};

checkMethods("procfs", ProcFs, { export: { dir: "text" } });

/** Writes a file piece by piece; where there is none it stays a hole. */
function writeImage(path: string, { sizeBytes, pieces }: ProcImage): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "w");
  try {
    ftruncateSync(file, sizeBytes);
    for (const { at, bytes } of pieces) writeSync(file, bytes, 0, bytes.length, at);
  } finally {
    closeSync(file);
  }
}
