/**
 * The operations of a process: each scenario line becomes exactly the system call that the recorder makes.
 *
 *   P map A file:F private 16 populate
 *      open("F") -> fd
 *      mmap(slot, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_POPULATE|MAP_FIXED_NOREPLACE, fd, 0)
 *      ^ only this is measured: minflt and majflt are the counters after it minus before it
 *      close(fd)
 *
 * Read first: scenario.ts, host.ts, layout.ts. Read next: executor.ts.
 */

import { PAGE_SIZE, PMD_SIZE } from "../hw/address.js";
import { protBits } from "../kernel/process_options.js";
import { RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_STACK } from "../mm/system.js";
import {
  MADV,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_STACK,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
} from "../mm/vma/mman.js";
import { errnoName } from "./errno_name.js";
import type { Guest } from "./host.js";
import { pagesOf, type ReplayProc, rangeBytes, SLOT_BYTES, type Slots } from "./layout.js";
import type { Json } from "./record.js";
import type { MapOp, MremapOp, ProcessOp } from "./scenario.js";
import { runTouch } from "./touch.js";

const ENOMEM = -12;

/** Fields that a step's record gets. Not in Linux. */
export type Fields = { [key: string]: Json };

/** What an operation needs beside its process. Not in Linux. */
export interface OpContext {
  slots: Slots;
  /** Path of the scenario's file `name`; throws when there is none. */
  filePath(name: string): string;
  /** An error that names the line and the operation. */
  fail(problem: string): Error;
}

const MAP_FLAG_BITS: Readonly<Record<string, number>> = {
  populate: MAP_POPULATE,
  nonblock: MAP_NONBLOCK,
  noreserve: MAP_NORESERVE,
  hugetlb: MAP_HUGETLB,
  locked: MAP_LOCKED,
  growsdown: MAP_GROWSDOWN,
  stack: MAP_STACK,
  rdonly: 0,
};

/** Runs `call` between two readings of the fault counters. */
function measured(guest: Guest, call: () => number): { ret: number; fields: Fields } {
  const { minFlt, majFlt } = guest;
  const ret = call();
  const fields: Fields = { ok: ret >= 0 };
  if (ret < 0) fields.err = errnoName(ret);
  fields.minflt = guest.minFlt - minFlt;
  fields.majflt = guest.majFlt - majFlt;
  return { ret, fields };
}

/** Opens the file, runs `call` with it measured, closes it. A file that cannot be opened costs no faults. */
function withFile(
  guest: Guest,
  path: string | undefined,
  writable: boolean,
  call: (fd: number) => number,
): { ret: number; fields: Fields } {
  if (path === undefined) return measured(guest, () => call(-1));
  const fd = guest.open(path, writable);
  if (fd < 0) return { ret: fd, fields: { ok: false, err: errnoName(fd), minflt: 0, majflt: 0 } };
  const result = measured(guest, () => call(fd));
  guest.close(fd);
  return result;
}

function areaBase(proc: ReplayProc, name: string, ctx: OpContext): { base: number; area: number } {
  const found = proc.find(name);
  if (found === undefined) throw ctx.fail(`process ${proc.name} has no area ${name}`);
  return found;
}

function map(proc: ReplayProc, op: MapOp, ctx: OpContext): Fields {
  const { guest } = proc;
  const len = op.pages * PAGE_SIZE;
  let flags = op.shared ? MAP_SHARED : MAP_PRIVATE;
  for (const flag of op.flags) flags |= MAP_FLAG_BITS[flag]!;
  if (op.file === undefined) flags |= MAP_ANONYMOUS;
  let addr = 0;
  let slot = { lo: 0, hi: 0 };
  let at: { base: number; area: number } | undefined;
  if (op.place.kind === "at") {
    at = areaBase(proc, op.place.area, ctx);
    addr = at.base + op.place.delta * PAGE_SIZE;
    flags |= op.place.fixed ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  } else if (op.place.kind === "slot") {
    slot = ctx.slots.take((op.place.off + op.pages) * PAGE_SIZE);
    addr = slot.lo + op.place.off * PAGE_SIZE;
    flags |= MAP_FIXED_NOREPLACE;
  }
  const path = op.file === undefined ? undefined : ctx.filePath(op.file);
  const { ret, fields } = withFile(guest, path, !op.flags.includes("rdonly"), (fd) =>
    guest.mmap(addr, len, protBits(op.prot), flags, fd, op.pgoff * PAGE_SIZE),
  );
  if (ret < 0) return fields;
  if (at !== undefined) proc.addAlias(op.area, addr, at.area);
  else if (op.place.kind === "slot") proc.addArea(op.area, addr, slot.lo, slot.hi);
  else Object.assign(fields, addAutoArea(proc, op.area, ret, len));
  return fields;
}

/** An area that the kernel placed: says where it lies from the one placed before. */
function addAutoArea(proc: ReplayProc, name: string, base: number, len: number): Fields {
  const before = proc.areas.filter((area) => area.isAuto).pop();
  proc.addArea(name, base, base, base + len, true);
  return {
    ...(before === undefined ? {} : { rel: { to: before.name, pages: (base - before.base) / PAGE_SIZE } }),
    align2m: base % PMD_SIZE === 0,
  };
}

function mremap(proc: ReplayProc, op: MremapOp, ctx: OpContext): Fields {
  const { guest } = proc;
  const { base } = areaBase(proc, op.area, ctx);
  const { addr, len } = rangeBytes(base, op.range);
  const newLen = op.newPages * PAGE_SIZE;
  let flags = op.maymove ? MREMAP_MAYMOVE : 0;
  let newAddr = 0;
  let slot: { lo: number; hi: number } | undefined;
  if (op.to !== undefined) {
    const known = proc.find(op.to);
    if (known === undefined) slot = ctx.slots.take(op.off * PAGE_SIZE + newLen);
    newAddr = (known?.base ?? slot!.lo) + op.off * PAGE_SIZE;
    flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  }
  if (op.dontunmap) flags |= MREMAP_DONTUNMAP;
  const { ret, fields } = measured(guest, () => guest.mremap(addr, len, newLen, flags, newAddr));
  if (ret < 0) return fields;
  if (slot !== undefined) proc.addArea(op.to!, newAddr, slot.lo, slot.hi);
  else if (op.maymove && op.to === undefined)
    Object.assign(fields, addMoved(proc, op.area, addr, ret, newLen));
  return fields;
}

function addMoved(proc: ReplayProc, name: string, from: number, to: number, len: number): Fields {
  if (from === to) return { moved: false };
  const newname = `${name}'`;
  proc.addArea(newname, to, to, to + len);
  return { moved: true, newname, align2m: to % PMD_SIZE === 0 };
}

function brk(proc: ReplayProc, deltaPages: number): Fields {
  const { guest } = proc;
  const first = proc.heapBase === 0;
  if (first) {
    const start = Math.ceil(guest.brk(0) / SLOT_BYTES) * SLOT_BYTES;
    if (guest.moveBrk(start) < 0) return measured(guest, () => ENOMEM).fields;
    proc.heapBase = start;
    proc.heapCur = start;
    proc.addArea("HEAP", start, start, start + SLOT_BYTES);
  }
  const want = proc.heapCur + deltaPages * PAGE_SIZE;
  return measured(guest, () => {
    if (guest.brk(want) !== want) return ENOMEM;
    proc.heapCur = want;
    return 0;
  }).fields;
}

function mincore(guest: Guest, addr: number, len: number): Fields {
  let vector: Uint8Array | number = 0;
  const { fields } = measured(guest, () => {
    vector = guest.mincore(addr, len);
    return typeof vector === "number" ? vector : 0;
  });
  const seen = vector as Uint8Array | number;
  if (typeof seen !== "number") fields.mincore = [...seen].map((byte) => byte & 1).join("");
  return fields;
}

function userCopy(
  proc: ReplayProc,
  op: Extract<ProcessOp, { op: "uread" | "uwrite" }>,
  ctx: OpContext,
): Fields {
  const { guest } = proc;
  const { addr, len } = rangeBytes(areaBase(proc, op.area, ctx).base, op.range);
  const { ret, fields } = withFile(guest, ctx.filePath(op.file), true, (fd) => {
    guest.lseek(fd, op.pgoff * PAGE_SIZE);
    return op.op === "uread" ? guest.read(fd, addr, len) : guest.write(fd, addr, len);
  });
  // the recorder prints what the C library would return
  return { ...fields, ret: Math.max(ret, -1) };
}

function rlimit(proc: ReplayProc, op: Extract<ProcessOp, { op: "rlimit" }>): Fields {
  const resource = { as: RLIMIT_AS, data: RLIMIT_DATA, stack: RLIMIT_STACK, memlock: RLIMIT_MEMLOCK }[
    op.which
  ];
  // the limit given is for the areas; what the process has besides is added
  const own = op.which === "as" ? proc.base.size : op.which === "data" ? proc.base.data : 0;
  const soft = op.kb === "inf" ? Number.POSITIVE_INFINITY : (op.kb + own) * 1024;
  return { ok: proc.guest.setRlimit(resource, soft) >= 0 };
}

function madvise(proc: ReplayProc, op: Extract<ProcessOp, { op: "madvise" }>, ctx: OpContext): Fields {
  const { guest } = proc;
  const { base } = areaBase(proc, op.area, ctx);
  const advice = MADV[op.advice as keyof typeof MADV];
  return measured(guest, () => {
    if (!op.strided) {
      const { addr, len } = rangeBytes(base, op.range);
      return guest.madvise(addr, len, advice);
    }
    let ret = 0;
    for (const page of pagesOf([op.range])) {
      ret = guest.madvise(base + page * PAGE_SIZE, PAGE_SIZE, advice);
      if (ret < 0) break;
    }
    return ret;
  }).fields;
}

/** Operations that are one system call on a range. */
function rangeCall(guest: Guest, op: ProcessOp, addr: number, len: number): number | undefined {
  switch (op.op) {
    case "munmap":
      return guest.munmap(addr, len);
    case "mprotect":
      return guest.mprotect(addr, len, protBits(op.prot));
    case "mlock":
      return op.onfault ? guest.mlock2(addr, len, MLOCK_ONFAULT) : guest.mlock(addr, len);
    case "munlock":
      return guest.munlock(addr, len);
    case "msync":
      return guest.msync(
        addr,
        len,
        { sync: MS_SYNC, async: MS_ASYNC, invalidate: MS_INVALIDATE | MS_SYNC }[op.mode],
      );
    default:
      return undefined;
  }
}

/** Runs an operation that is neither fork nor one from outside the process. Not in Linux. */
export function runProcessOp(proc: ReplayProc, op: ProcessOp, ctx: OpContext): Fields {
  const { guest } = proc;
  switch (op.op) {
    case "map":
      return map(proc, op, ctx);
    case "mremap":
      return mremap(proc, op, ctx);
    case "brk":
      return brk(proc, op.deltaPages);
    case "uread":
    case "uwrite":
      return userCopy(proc, op, ctx);
    case "rlimit":
      return rlimit(proc, op);
    case "madvise":
      return madvise(proc, op, ctx);
    case "noop":
      return measured(guest, () => 0).fields;
    case "munlockall":
      return measured(guest, () => guest.munlockall()).fields;
    case "mlockall":
      return measured(guest, () => guest.mlockall(mlockallFlags(op))).fields;
    case "mincore": {
      const { addr, len } = rangeBytes(areaBase(proc, op.area, ctx).base, op.range);
      return mincore(guest, addr, len);
    }
    case "touch":
    case "probe":
    case "check":
    case "bytes":
      return touch(proc, op, ctx);
    case "munmap":
    case "mprotect":
    case "mlock":
    case "munlock":
    case "msync": {
      const { addr, len } = rangeBytes(areaBase(proc, op.area, ctx).base, op.range);
      return measured(guest, () => rangeCall(guest, op, addr, len)!).fields;
    }
    default:
      throw ctx.fail("the emulated machine does not have this operation yet");
  }
}

function mlockallFlags(op: { current: boolean; future: boolean; onfault: boolean }): number {
  return (op.current ? MCL_CURRENT : 0) | (op.future ? MCL_FUTURE : 0) | (op.onfault ? MCL_ONFAULT : 0);
}

function touch(proc: ReplayProc, op: Parameters<typeof runTouch>[2], ctx: OpContext): Fields {
  const { guest } = proc;
  const { minFlt, majFlt } = guest;
  const { fields, ok } = runTouch(guest, areaBase(proc, op.area, ctx).base, op);
  if (!guest.alive) return { ok: false, err: "KILLED", touched: fields.touched! };
  return { ok, minflt: guest.minFlt - minFlt, majflt: guest.majFlt - majFlt, ...fields };
}
