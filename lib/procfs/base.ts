/**
 * Two files of /proc/PID. io: what the process has read and written (mm/task_io.ts), all its threads together.
 * oom_score: how likely the kernel is to kill it when memory runs out, as a number of 0 to 2000.
 *
 *   oom_score = (1000 + badness * 1000 / pages) * 2 / 3            "pages" = RAM and swap
 *
 *   nothing held, adj 0   666        half of all memory, adj 0   1000        may not be killed   0
 *
 * The badness itself is the OOM killer's: mm/oom_kill.ts. Only the scale is made here, the one that the file
 * has had for long and that programs rely on. Divisions drop the fraction, as in C.
 *
 * Read first: proc_task.ts, mm/oom_kill.ts, mm/task_io.ts.
 */
import { oomBadness, oomTotalPages } from "../mm/oom_kill.js";
import type { MemorySystem } from "../mm/system.js";
import { TaskIoAccounting } from "../mm/task_io.js";
import type { ProcTask } from "./proc_task.js";

/** /proc/PID/oom_score. Linux fs/proc/base.c:proc_oom_score() */
export function pidOomScore(sys: MemorySystem, task: ProcTask): string {
  const totalPages = oomTotalPages(sys);
  const badness = oomBadness(task, totalPages);
  if (badness === undefined) return "0\n";
  return `${Math.trunc(((1000 + Math.trunc((badness * 1000) / totalPages)) * 2) / 3)}\n`;
}

/** /proc/PID/io of the process whose threads these are. Linux fs/proc/base.c:do_io_accounting() */
export function pidIo(threads: readonly ProcTask[]): string {
  const acct = new TaskIoAccounting();
  if (threads[0]?.signal !== undefined) acct.add(threads[0].signal.ioac);
  for (const { ioac } of threads) if (ioac !== undefined) acct.add(ioac);
  const { rchar, wchar, syscr, syscw, readBytes, writeBytes, cancelledWriteBytes } = acct;
  return (
    `rchar: ${rchar}\nwchar: ${wchar}\nsyscr: ${syscr}\nsyscw: ${syscw}\n` +
    `read_bytes: ${readBytes}\nwrite_bytes: ${writeBytes}\ncancelled_write_bytes: ${cancelledWriteBytes}\n`
  );
}
