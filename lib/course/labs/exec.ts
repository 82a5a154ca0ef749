/**
 * Test bench of lab 04.4: a process that runs another program, and what is left of the old one.
 *
 *   shell --fork--> child --exec(program)-->   maps, bytes, heap, handlers, files; frames given back; the shell untouched
 *
 * Not in Linux: a helper of the course. Read first: fork.ts.
 */
import { PAGE_SIZE, pageAlign, pageAlignDown } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import type { Prot } from "../../kernel/process_options.js";
import { SignalError } from "../../kernel/signal.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import { nrUnusedPages } from "../../mm/pages/page_alloc.js";
import { getVmaName, vmaPerm } from "../../procfs/task_mmu.js";

/** A part of a program, as in the exercise. */
interface ExecSegment {
  vaddr: number;
  offset: number;
  filesz: number;
  memsz: number;
  prot: Prot;
}

/** The signature of the exercise. */
type Exec = (process: Process, path: string, segments: readonly ExecSegment[]) => number;

/** What is to be seen after an exec, by name. */
type ExecReport = Record<string, unknown>;

/** A program with code, data and bss: code 5000 bytes, data 300 bytes, bss up to 9000. */
const PROGRAM: readonly ExecSegment[] = [
  { vaddr: 0x40_1000, offset: 0x1000, filesz: 5000, memsz: 5000, prot: "rx" },
  { vaddr: 0x40_3100, offset: 0x3100, filesz: 300, memsz: 9000, prot: "rw" },
];

/**
 * A machine with a program file, every byte of it known and none of them 0; and a shell with memory of its
 * own.
 */
function bench(): { machine: Machine; shell: Process; heap: number; free: number } {
  const machine = boot({ ram: "2 MiB" });
  const { kernel } = machine;
  kernel.files.writeFile(
    "/bin/program",
    new Uint8Array(6 * PAGE_SIZE).map((_, i) => 1 + (i % 251)),
  );
  const shell = machine.spawn("shell");
  const heap = shell.mmap("32 KiB");
  shell.touch(heap, "32 KiB");
  shell.store(heap, 1, 42);
  lruAddDrainAll(kernel.sys);
  return { machine, shell, heap, free: nrUnusedPages(kernel.sys) };
}

function mapsOf(process: Process): string[] {
  return [...process.mm.mmMt].map((vma) => {
    const [from, to] = [vma.vmStart, vma.vmEnd].map((at) => at.toString(16));
    const file = vma.vmFile === undefined ? "" : ` ${getVmaName(vma)} from byte ${vma.vmPgoff * PAGE_SIZE}`;
    return `${from}-${to} ${vmaPerm(vma)}${file}`;
  });
}

function byteAt(process: Process, va: number): number | string {
  try {
    return process.load(va);
  } catch (error) {
    if (!(error instanceof SignalError)) throw error;
    return error.signal;
  }
}

function errorText(run: () => number): string | number {
  try {
    return run();
  } catch (error) {
    if (error instanceof SyscallError) return error.code;
    throw error;
  }
}

/** exec of a program in a forked child: everything that can be seen of it. */
export function runExec(exec: Exec, segments: readonly ExecSegment[] = PROGRAM): ExecReport {
  const { machine, shell, heap, free } = bench();
  const child = shell.fork("child");
  child.store(heap + PAGE_SIZE, 1, 7);
  child.on("SIGSEGV", () => {});
  const kept = child.open("/bin/program");
  const { minFlt } = child.getrusage();
  const calls = watchCalls(child);
  const returned = exec(child, "/bin/program", segments);
  const report: ExecReport = { returned, maps: mapsOf(child), heap: [child.mm.startBrk, child.mm.brk] };
  Object.assign(report, calls());
  report.faults = child.getrusage().minFlt - minFlt;
  report.handlers = child.task.signal.handlers.size;
  report.pid = child.pid;
  report.nextFd = child.open("/bin/program");
  report.keptFd = child.read(kept, heap, 0);
  report.bytes = bytesOf(child, segments);
  report.shellReads = shell.load(heap);
  report.shellSees = shell.load(heap + PAGE_SIZE);
  child.exit();
  shell.wait();
  lruAddDrainAll(machine.kernel.sys);
  report.framesLost = free - nrUnusedPages(machine.kernel.sys);
  return report;
}

/**
 * Listens to open and mmap until the result is called: how files were opened, and how many pages were mapped
 * where one was just mapped.
 */
function watchCalls(process: Process): () => ExecReport {
  const { open, mmap } = process;
  const opened: string[] = [];
  const mapped = new Map<number, number>();
  process.open = (path, options) => {
    opened.push(`${path}, ${options?.writable === false ? "to read" : "to read and write"}`);
    return open.call(process, path, options);
  };
  process.mmap = (length, options) => {
    const at = mmap.call(process, length, options);
    for (let va = at; va < at + pageAlign(Number(length)); va += PAGE_SIZE)
      mapped.set(va, (mapped.get(va) ?? 0) + 1);
    return at;
  };
  return () => {
    Object.assign(process, { open, mmap });
    return { opened, mappedTwice: [...mapped.values()].filter((times) => times > 1).length };
  };
}

/** Bytes at the borders of every segment. */
function bytesOf(process: Process, segments: readonly ExecSegment[]): Record<string, number | string> {
  for (const signal of ["SIGSEGV", "SIGBUS"] as const) process.on(signal, () => {});
  const bytes: Record<string, number | string> = {};
  for (const { vaddr, filesz, memsz } of segments) {
    const at = [
      vaddr,
      vaddr + filesz - 1,
      vaddr + filesz,
      pageAlign(vaddr + filesz) - 1,
      pageAlign(vaddr + filesz),
    ];
    for (const va of [...at, vaddr + memsz - 1])
      if (va >= vaddr && va < pageAlign(vaddr + memsz)) bytes[`0x${va.toString(16)}`] = byteAt(process, va);
  }
  return bytes;
}

/** An exec that must fail: what it said, and whether the old program is still whole. */
export function runFailingExec(exec: Exec, why: "no file" | "no memory"): ExecReport {
  const { machine, shell, heap, free } = bench();
  if (why === "no memory") machine.kernel.newMm = () => -12;
  shell.on("SIGSEGV", () => {});
  const said = errorText(() => exec(shell, why === "no file" ? "/bin/missing" : "/bin/program", PROGRAM));
  const framesLost = free - nrUnusedPages(machine.kernel.sys);
  return {
    said,
    framesLost,
    reads: byteAt(shell, heap),
    handlers: shell.task.signal.handlers.size,
    nextFd: shell.open("/bin/program"),
  };
}

/** exec as the lib would do it. */
export function referenceExec(process: Process, path: string, segments: readonly ExecSegment[]): number {
  const fd = process.open(path, { writable: false });
  const mm = process.kernel.newMm();
  if (typeof mm === "number") {
    process.close(fd);
    return mm;
  }
  process.kernel.switchMm(process.task, mm);
  process.task.signal.handlers.clear();
  mm.startBrk = Math.max(0, ...segments.map((segment) => load(process, fd, segment)));
  mm.brk = mm.startBrk;
  process.close(fd);
  return 0;
}

function load(process: Process, fd: number, { vaddr, offset, filesz, memsz, prot }: ExecSegment): number {
  const at = pageAlignDown(vaddr);
  const fileEnd = filesz > 0 ? pageAlign(vaddr + filesz) : at;
  const end = pageAlign(vaddr + memsz);
  if (filesz > 0) process.mmap(fileEnd - at, { at, fixed: true, prot, fd, offset: pageAlignDown(offset) });
  if (filesz > 0 && memsz > filesz) for (let va = vaddr + filesz; va < fileEnd; va++) process.store(va, 1, 0);
  if (end > fileEnd) process.mmap(end - fileEnd, { at: fileEnd, fixed: true, prot });
  return end;
}
