/**
 * What the methods of a process take: one row for each, checked before the method runs (the last line of
 * process.ts).
 *
 *   process.mmap(4096, { share: true })     RangeError: process.mmap() has no option "share"; did you mean "shared"?
 *   process.mprotect(a, 4096, 7)            TypeError: process.mprotect(): prot must be text, not 7
 *
 * Only the shape is checked. Whether an address is mapped, a file is open or a length fits is for the kernel
 * to say, by an errno. `load`, `store` and `fetch` are not here: they run millions of times, and Cpu checks
 * them by one comparison. mremap, capset and syscall look at their odd arguments themselves.
 *
 * Read first: hw/signature.ts.
 */
import type { Signature } from "../hw/signature.js";

const AREA: Signature = { addr: "integer", length: "size" };
const BUFFER: Signature = { fd: "integer", buf: "integer", length: "integer" };

/** By method, the arguments in order. Not in Linux. */
export const PROCESS_SIGNATURES = {
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
      hugetlb: "text",
      fixedNoreplace: "flag",
    },
  },
  munmap: AREA,
  mprotect: { ...AREA, prot: "text" },
  mremap: { addr: "integer", oldLength: "size", newLength: "size", options: "any?" },
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
  memfdCreate: { name: "text", options: { hugetlb: "text" } },
  read: BUFFER,
  write: BUFFER,
  ftruncate: { fd: "integer", length: "size" },
  sync: {},
  fsync: { fd: "integer" },
  nanosleep: { ns: "number" },
  dropCache: { fd: "integer" },
  exec: { path: "text", argv: "list?", envp: "list?" },
  fork: { name: "text?" },
  vfork: { name: "text?" },
  thread: { cpu: "count?" },
  setaffinity: { cpu: "count" },
  exit: { code: "integer?" },
  wait: { pid: "integer?" },
  kill: { signal: "text?" },
  setrlimit: { resource: "text", soft: "limit", hard: "limit?" },
  getrlimit: { resource: "text" },
  setAnonVmaName: { ...AREA, name: "text?" },
  getrusage: { who: "text?" },
  pread: { ...BUFFER, position: "integer" },
  pwrite: { ...BUFFER, position: "integer" },
  lseek: { fd: "integer", offset: "integer", whence: "text?" },
  truncate: { path: "text", length: "size" },
  unlink: { path: "text" },
  setuid: { uid: "integer" },
  capset: { sets: "object" },
  syscall: { call: "any" },
} as const satisfies Readonly<Record<string, Signature>>;
