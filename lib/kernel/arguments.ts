/**
 * What the methods of a process and of a machine take: one table for each, checked before the method runs.
 *
 *   process.mmap(4096, { share: true })     RangeError: process.mmap() has no option "share"; did you mean "shared"?
 *   process.mprotect(a, 4096, 7)            TypeError: process.mprotect(): prot must be text, not 7
 *
 * Only the shape is checked. Whether an address is mapped, a file is open or a length fits is for the kernel to say, by an errno.
 * `load`, `store` and `fetch` are not here: they run millions of times, and Cpu checks them by one comparison.
 *
 * Imported for its effect by lib/index.ts. Read first: hw/signature.ts.
 */
import { Cpu } from "../hw/cpu.js";
import { PageTable } from "../hw/page_table.js";
import { checkMethods, type Signature } from "../hw/signature.js";
import { Machine } from "./machine.js";
import { Process } from "./process.js";
import { MachineSnapshot } from "./snapshot.js";

const AREA: Signature = { addr: "integer", length: "size" };
const BUFFER: Signature = { fd: "integer", buf: "integer", length: "integer" };

checkMethods("process", Process, {
  mmap: {
    length: "size",
    options: {
      prot: "text",
      shared: "flag",
      fd: "integer",
      offset: "integer",
      at: "integer",
      fixed: "flag",
      populate: "flag",
      locked: "flag",
      noreserve: "flag",
      growsdown: "flag",
    },
  },
  munmap: AREA,
  mprotect: { ...AREA, prot: "text" },
  mremap: { addr: "integer", oldLength: "size", newLength: "size", newAddr: "integer?" },
  madvise: { ...AREA, advice: "text" },
  mlock: { ...AREA, options: { onfault: "flag" } },
  munlock: AREA,
  mlockall: { options: { current: "flag", future: "flag", onfault: "flag" } },
  msync: { ...AREA, flags: "integer?" },
  mincore: AREA,
  sbrk: { bytes: "size" },
  touch: { ...AREA, how: "text?" },
  on: { signal: "text", handler: "function" },
  open: { path: "text", options: { writable: "flag", create: "flag" } },
  close: { fd: "integer" },
  memfdCreate: { name: "text" },
  read: BUFFER,
  write: BUFFER,
  ftruncate: { fd: "integer", length: "size" },
  fsync: { fd: "integer" },
  dropCache: { fd: "integer" },
  exec: { path: "text", argv: "list?", envp: "list?" },
  fork: { name: "text?" },
  vfork: { name: "text?" },
  thread: { cpu: "count?" },
  setaffinity: { cpu: "count" },
  exit: { code: "integer?" },
  wait: { pid: "integer?" },
  kill: { signal: "text?" },
  setrlimit: { resource: "text", soft: "limit" },
});

checkMethods("machine", Machine, {
  spawn: { name: "text?" },
  newPageTable: { name: "text?" },
  run: { stream: Uint32Array, options: { baseVa: "integer", cpu: Cpu, user: "flag" } },
  switchMm: { table: PageTable, cpu: [Cpu] },
  explain: { va: "integer", access: "count?", cpu: [Cpu] },
  restore: { snapshot: MachineSnapshot },
});
