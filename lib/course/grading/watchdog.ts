/**
 * The watchdog: a thread in the worker process that ends it when a test takes too much time or memory.
 *
 * A synchronous endless loop blocks every timer of its own thread, so only another thread can notice it. This
 * one looks every 50 ms. It counts processor time rather than clock time, so that a busy computer fails
 * nobody; where the clock runs far ahead, less processor time is enough, so that nobody waits for long.
 * Before
 * the kill it stops the main thread for a moment through the inspector, as a debugger would, and
 * asks where it is: the learner reads "inside split(), line 12" instead of a bare "timed out".
 */

import { appendFileSync } from "node:fs";
import { Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";
import type { Printed, TraceEvent } from "./trace.js";

const POLL_MS = 50;
const PATIENCE_MS = 1200;
const MAX_LOCALS = 5;

interface Frame {
  callFrameId: string;
  functionName: string;
  url: string;
  scopeChain: { type: string; object: { objectId?: string } }[];
}

const { pulse, limitMs, limitMiB, trace, secret } = workerData as {
  pulse: Int32Array;
  limitMs: number;
  limitMiB: number;
  trace: string;
  secret: string;
};

let job = "";
parentPort?.on("message", (name: string) => {
  job = name;
});
parentPort?.unref();

let seen = -1;
let cpuAtStart = 0;
let clockAtStart = 0;
let rssAtStart = 0;
let stopping = false;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function look(): void {
  if (stopping || Atomics.load(pulse, 1) === 0) return;
  const now = Atomics.load(pulse, 0);
  if (now !== seen) {
    seen = now;
    cpuAtStart = cpuMs();
    clockAtStart = performance.now();
    rssAtStart = process.memoryUsage.rss();
  } else if ((process.memoryUsage.rss() - rssAtStart) / 2 ** 20 > limitMiB) stop("memory");
  else if (hasTakenTooLong()) stop("loop");
}

function hasTakenTooLong(): boolean {
  const used = cpuMs() - cpuAtStart;
  return used > limitMs || (used > 0.4 * limitMs && performance.now() - clockAtStart > 1.5 * limitMs);
}

function stop(why: "loop" | "memory"): void {
  stopping = true;
  const finish = (seen: Partial<Seen>) => {
    const event: TraceEvent = { kind: "stopped", job, why, limitMs, stack: "", locals: [], ...seen };
    appendFileSync(trace, `${secret} ${JSON.stringify(event)}\n`);
    process.kill(process.pid, "SIGKILL");
  };
  setTimeout(finish, PATIENCE_MS, {});
  whereIsMain().then(finish, () => finish({}));
}

/** What the stopped main thread shows: its stack, some local variables, and what was printed. */
interface Seen {
  stack: string;
  locals: string[];
  printed: Printed;
}

/**
 * Stops the main thread and reads its stack and the local variables of the innermost function of the
 * submission.
 */
async function whereIsMain(): Promise<Seen> {
  const session = new Session();
  session.connectToMainThread();
  const post = <T>(method: string, params: object = {}) =>
    new Promise<T>((resolve, reject) =>
      session.post(method, params, (error, result) => (error ? reject(error) : resolve(result as T))),
    );
  const paused = new Promise<Frame[]>((resolve) =>
    session.on("Debugger.paused", ({ params }) => resolve(params.callFrames as unknown as Frame[])),
  );
  await post("Debugger.enable");
  await post("Debugger.pause");
  const frames = await paused;
  const frame = frames.find(({ url }) => /[\\/]j\d+[\\/]exercises[\\/][^\\/]+$/.test(url)) ?? frames[0]!;
  // Evaluated in the main thread, where vitest maps the lines of the compiled code back to the .ts file.
  const { result } = await post<{ result: { value?: string } }>("Debugger.evaluateOnCallFrame", {
    callFrameId: frame.callFrameId,
    expression:
      'JSON.stringify({ stack: new Error().stack, printed: globalThis[Symbol.for("pagewalk.printed")] })',
  });
  const seen = JSON.parse(result.value ?? "{}") as Pick<Seen, "stack" | "printed">;
  return { ...seen, locals: await localsOf(frame, post).catch(() => []) };
}

type Post = <T>(method: string, params?: object) => Promise<T>;
interface Property {
  name: string;
  value?: { type: string; value?: unknown; description?: string };
}

async function localsOf(frame: Frame, post: Post): Promise<string[]> {
  const locals: string[] = [];
  const innermost = frame.scopeChain.findIndex(({ type }) => type === "local");
  for (const { object } of frame.scopeChain.slice(0, innermost + 1)) {
    const { result } = await post<{ result: Property[] }>("Runtime.getProperties", {
      objectId: object.objectId,
      ownProperties: true,
    });
    for (const { name, value } of result) {
      if (locals.length >= MAX_LOCALS) return locals;
      if (value?.type === "number") locals.push(`${name} = ${readable(value.value)}`);
      else if (value?.type === "boolean") locals.push(`${name} = ${value.value}`);
      else if (value?.type === "bigint") locals.push(`${name} = ${readableBig(value.description ?? "")}`);
    }
  }
  return locals;
}

function readable(value: unknown): string {
  const large = Number.isSafeInteger(value) && (value as number) >= 4096;
  return large ? `0x${(value as number).toString(16)}` : String(value);
}

/** "20480n" as the inspector writes it, in hexadecimal. */
function readableBig(text: string): string {
  const value = BigInt(text.replace(/n$/, ""));
  return value < 0n ? text : `0x${value.toString(16)}n`;
}

setInterval(look, POLL_MS);
