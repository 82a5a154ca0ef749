/**
 * The parts of tslab 1.0.22 that the course's kernel touches, with their types. tslab publishes no types for
 * them, because they are its inside; that is why package.json pins it exactly, and why
 * `test/course/kernel.test.ts` tries each mend on the real thing.
 *
 *     Jupyter --shell--> ZmqServer.handleExecute --> Executor.execute --> vm.runInThisContext
 *        ^                      |                        |  console.log(last value)
 *        '-----iopub------------'                        '- console.error(error)
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { createRequire } from "node:module";
import { inRepository } from "../paths.js";

/** One message of the Jupyter protocol. */
export interface JupyterMessage {
  header: { msg_type: string; msg_id: string };
  content: Record<string, unknown>;
  createReply(): JupyterMessage;
  signAndSend(key: string, socket: unknown): void;
}

/** A socket that publishes; zeromq's `Publisher` as far as tslab uses it. */
export interface Publisher {
  /** How many messages are kept for a slow listener; 0 is no limit. */
  sendHighWaterMark: number;
  /** How long `send` may wait, in ms; 0 is not at all. */
  sendTimeout: number;
  bind(address: string): Promise<void>;
  send(frames: (string | Buffer)[]): Promise<void>;
  close(): void;
}

/** tslab's `ZmqServer`: the five sockets and what answers on them. */
export interface ZmqServer {
  connInfo: { key: string };
  iopub: Publisher;
  handler: {
    execCount: number;
    executor: { execute(code: string): Promise<boolean> };
  };
}

/** What `tslab.display.html(...)` and its kin call: the cell that is running now. */
type WriteDisplayData = (data: Record<string, unknown>, update?: boolean) => void;

/** tslab's `dist/jupyter.js`. */
export interface TslabJupyter {
  lastWriteDisplayData: WriteDisplayData | null;
  ZmqServer: {
    prototype: {
      handleExecute(this: ZmqServer, socket: unknown, request: JupyterMessage): Promise<void>;
      handleShutdown(this: ZmqServer, socket: unknown, request: JupyterMessage): void;
    };
  };
}

/** What turns a cell into JavaScript. */
export interface TslabConverter {
  convert(previousDeclarations: string, source: string): { diagnostics: { code: number }[] };
}

/** tslab's `dist/converter.js`. */
export interface TslabConverters {
  createConverter(...options: unknown[]): TslabConverter;
}

/** tslab's `dist/main.js`. */
export interface TslabMain {
  startKernel(options: {
    configPath: string;
    enableFindLocal: boolean;
    jsKernel: boolean;
    globalVersion: string;
  }): void;
}

/** A `require` that finds what tslab finds, wherever npm has put it. */
export function requireFromTslab(): NodeJS.Require {
  const here = createRequire(inRepository("package.json"));
  return createRequire(here.resolve("tslab/package.json"));
}
