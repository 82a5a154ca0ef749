/**
 * Ends a kernel whose parent is gone: a Jupyter server that was killed, a notebook run that was stopped with
 * Ctrl-C. Nobody could reach such a kernel any more, and a loop in a cell would keep a processor busy for
 * ever.
 *
 *     main thread   --starts-->   this file again, as a worker thread: every second, is the parent still the same?
 *
 * Why a thread: a cell's endless loop stops every timer of the main thread. The file only has to be imported,
 * so that the tests can put it in front of a stock tslab too:
 * `node --import .../parent_watch.js tslab kernel ...`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";

const LOOK_EVERY_MS = 1000;
const MARK = "pagewalk parent watch";

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { mark: MARK, parent: process.ppid },
    execArgv: [],
  });
  worker.unref();
} else if (workerData?.mark === MARK) {
  setInterval(() => {
    // An orphan gets another parent, whose number is not this one's.
    if (process.ppid !== workerData.parent) process.kill(process.pid, "SIGKILL");
  }, LOOK_EVERY_MS);
}
