/**
 * Running one cell the way Jupyter expects, in place of tslab's `ZmqServer.handleExecute`.
 *
 *     execute_request --> CellQueue (one at a time) --> runCell
 *         iopub:  execute_input, stream / display_data ..., execute_result or error
 *         shell:  execute_reply  ok | error | aborted
 *
 * What stock tslab does not do, and this does:
 * - an error is sent as an `error` message, with its name, message and a traceback in the cell's own lines;
 * - after an error only the cells that were already waiting are given up (as IPython does); stock tslab gives
 *   up every cell for 200 ms, with a status that nbclient takes for success;
 * - the last value of a cell is its result, shown richly where it offers `Symbol.for("Jupyter.display")`;
 * - any amount of output arrives (`publisher.ts`).
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { inspect } from "node:util";
import { isDisplayable, JUPYTER_DISPLAY } from "../../view/show.js";
import { beginCell } from "./cell_sources.js";
import { StreamBuffer } from "./publisher.js";
import { type CellError, cellError, inCellLines } from "./traceback.js";
import type { JupyterMessage, TslabJupyter, ZmqServer } from "./tslab.js";

/** The content of an `execute_reply`. */
type Reply =
  | { status: "ok"; execution_count: number; payload: []; user_expressions: Record<string, never> }
  | ({ status: "error"; execution_count: number } & CellError)
  | { status: "aborted" };

/** What tslab says about the cell that is running, through the console it was given at the start. */
interface CellReports {
  values: unknown[];
  errors: unknown[][];
}

let reports: CellReports = { values: [], errors: [] };

/** The console to be seen by tslab while it starts: it logs nothing but last values and cell errors to it. */
export const tslabConsole = {
  log: (value: unknown): void => void reports.values.push(value),
  error: (...args: unknown[]): void => void reports.errors.push(args),
};

/** Cells run one after another. When one fails, those that wait behind it are given up, and no later one. */
class CellQueue {
  private last: Promise<unknown> = Promise.resolve();
  private failures = 0;
  private arrived = 0;

  add(run: () => Promise<Reply>, stopOnError: boolean): Promise<Reply> {
    this.arrived++;
    const failuresBefore = this.failures;
    const turn = this.last.then(async (): Promise<Reply> => {
      if (this.failures !== failuresBefore) return { status: "aborted" };
      const reply = await run();
      if (reply.status === "error" && stopOnError) await this.giveUpWaiting();
      return reply;
    });
    this.last = turn;
    return turn;
  }

  /**
   * Requests that came in during a busy cell are still in the socket: let them in before the failure counts.
   */
  private async giveUpWaiting(): Promise<void> {
    for (let before = -1; before !== this.arrived; ) {
      before = this.arrived;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.failures++;
  }
}

/** Puts `runCell` and its queue in the place of tslab's own `handleExecute`. */
export function mendExecute(jupyter: TslabJupyter): void {
  const queue = new CellQueue();
  jupyter.ZmqServer.prototype.handleExecute = async function (socket, request) {
    const stopOnError = request.content.stop_on_error !== false;
    const content = await queue.add(() => runCell(this, jupyter, request), stopOnError);
    const reply = request.createReply();
    reply.header.msg_type = "execute_reply";
    reply.content = { ...content };
    reply.signAndSend(this.connInfo.key, socket);
  };
}

async function runCell(server: ZmqServer, jupyter: TslabJupyter, request: JupyterMessage): Promise<Reply> {
  const code = String(request.content.code);
  const execution_count = ++server.handler.execCount;
  const publish = publisherFor(server, request);
  const streams = new StreamBuffer((name, text) => publish("stream", { name, text: inCellLines(text) }));
  const show = (type: string, content: Record<string, unknown>): void => {
    streams.flush();
    publish(type, content);
  };
  captureOutput(jupyter, streams, show);
  reports = { values: [], errors: [] };
  beginCell(execution_count, code);
  publish("execute_input", { code, execution_count });

  const ok = await server.handler.executor.execute(code);
  if (ok) {
    for (const value of reports.values) show("execute_result", { ...displayData(value), execution_count });
    streams.flush();
    return { status: "ok", execution_count, payload: [], user_expressions: {} };
  }
  const error = cellError(reports.errors, code);
  show("error", { ...error });
  return { status: "error", execution_count, ...error };
}

function publisherFor(server: ZmqServer, request: JupyterMessage) {
  return (type: string, content: Record<string, unknown>): void => {
    const message = request.createReply();
    message.header.msg_type = type;
    message.content = content;
    message.signAndSend(server.connInfo.key, server.iopub);
  };
}

/** Output goes to the cell that ran last, even when it comes after that cell's end, as in IPython. */
function captureOutput(
  jupyter: TslabJupyter,
  streams: StreamBuffer,
  show: (type: string, content: Record<string, unknown>) => void,
): void {
  const writeTo = (name: "stdout" | "stderr") =>
    ((chunk: string | Uint8Array) => {
      streams.write(name, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
      return true;
    }) as typeof process.stdout.write;
  process.stdout.write = writeTo("stdout");
  process.stderr.write = writeTo("stderr");
  jupyter.lastWriteDisplayData = (data, update) =>
    show(update ? "update_display_data" : "display_data", { ...data });
}

function displayData(value: unknown): { data: Record<string, string>; metadata: Record<string, never> } {
  const text = typeof value === "string" ? value : inspect(value);
  const rich = isDisplayable(value) ? value[JUPYTER_DISPLAY]() : {};
  return { data: { "text/plain": text, ...rich }, metadata: {} };
}
