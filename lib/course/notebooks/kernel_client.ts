/**
 * A Jupyter kernel driven from Node, without Python: starts it, runs cells, collects what they show.
 *
 *     KernelClient --spawn--> kernel (a process of its own)
 *         shell   (dealer)     execute_request -> execute_reply
 *         iopub   (subscriber) <- busy, stream, display_data, execute_result, error, idle
 *         control (dealer)     shutdown_request
 *
 * A cell is done when both its reply and its `idle` have come. A kernel that dies rejects the cell it was
 * running. The sockets are files in a temporary folder (zeromq's `ipc`), so that no port can be taken twice.
 *
 * Not in Linux: part of the course, not of the machine. Protocol: "Messaging in Jupyter", version 5.3.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Zmq from "zeromq";
import { projectRoot } from "../../replay/root.js";
import { kernelCommand } from "../kernel/kernelspec.js";
import { requireFromTslab } from "../kernel/tslab.js";
import { atEnd, TemporaryFolder } from "../temporary.js";
import type { Output } from "./nbformat.js";

const DELIMITER = "<IDS|MSG>";
const KERNEL_START_MS = 30_000;

/** What running one cell gave. */
export interface CellRun {
  status: "ok" | "error" | "aborted";
  executionCount: number | null;
  outputs: Output[];
}

export interface KernelOptions {
  /** The command that starts the kernel, given the connection file's path; the course's own by default. */
  command?: (connectionFile: string) => string[];
  /** Where it starts; Jupyter starts a kernel in the folder of its notebook. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

interface Message {
  type: string;
  parentId: string | undefined;
  content: Record<string, unknown>;
}

interface Waiting {
  onMessage(message: Message): void;
  reject(error: Error): void;
}

/** A kernel that runs until `shutdown`. Make one with `KernelClient.start`. */
export class KernelClient {
  private readonly key = randomUUID();
  private readonly session = randomUUID();
  private readonly temporary: TemporaryFolder;
  private readonly folder: string;
  private readonly forget: () => void;
  private readonly process: ChildProcess;
  private readonly shell: Zmq.Dealer;
  private readonly control: Zmq.Dealer;
  private readonly iopub: Zmq.Subscriber;
  private readonly waiting = new Map<string, Waiting>();
  private sending: Promise<unknown> = Promise.resolve();
  /** What the kernel process itself wrote, before or outside of any cell. */
  processOutput = "";
  /** Why the kernel is no longer there, once it is not. */
  death: string | undefined;

  private constructor(options: KernelOptions) {
    this.temporary = new TemporaryFolder(tmpdir(), "pagewalk-kernel-");
    this.folder = this.temporary.path;
    const zmq = requireFromTslab()("zeromq") as typeof Zmq;
    const connectionFile = this.writeConnectionFile();
    const [program, ...args] = (options.command ?? kernelCommand)(connectionFile);
    const { cwd = projectRoot(), env = process.env } = options;
    this.process = spawn(program!, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    this.forget = atEnd(() => this.process.kill("SIGKILL"));
    this.process.stdout?.on("data", (text) => this.keepProcessOutput(text));
    this.process.stderr?.on("data", (text) => this.keepProcessOutput(text));
    this.process.on("error", (error) => this.died(error.message));
    this.process.on("exit", (code, signal) => this.died(`exit status ${code ?? signal}`));
    this.shell = new zmq.Dealer({ linger: 0 });
    this.control = new zmq.Dealer({ linger: 0 });
    this.iopub = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  }

  /** Starts a kernel and waits until it answers. */
  static async start(options: KernelOptions = {}): Promise<KernelClient> {
    const client = new KernelClient(options);
    client.connect();
    try {
      await client.waitUntilReady();
    } catch (error) {
      await client.shutdown();
      throw error;
    }
    return client;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Runs a cell to its end. What it prints after that is added to the same outputs. */
  execute(code: string, settings: { stopOnError?: boolean } = {}): Promise<CellRun> {
    const run: CellRun = { status: "aborted", executionCount: null, outputs: [] };
    const content = {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: settings.stopOnError ?? true,
    };
    return new Promise((resolve, reject) => {
      let replied = false;
      let idle = false;
      this.request(this.shell, "execute_request", content, {
        onMessage: (message) => {
          if (message.type === "execute_reply") {
            replied = true;
            run.status = message.content.status as CellRun["status"];
            run.executionCount = (message.content.execution_count as number | undefined) ?? null;
          } else if (message.type === "status") {
            idle ||= message.content.execution_state === "idle";
          } else {
            addOutput(run.outputs, message);
          }
          // It stays in the list: output that comes later still belongs to this cell.
          if (replied && idle) resolve(run);
        },
        reject,
      });
    });
  }

  /** What Jupyter's stop button does. */
  interrupt(): void {
    this.process.kill("SIGINT");
  }

  /** Ends the kernel, politely first. */
  async shutdown(): Promise<void> {
    if (this.death === undefined) {
      const gone = new Promise((resolve) => this.process.once("exit", resolve));
      const patience = setTimeout(() => this.process.kill("SIGKILL"), 2000);
      this.request(this.control, "shutdown_request", { restart: false }, ignored);
      await gone;
      clearTimeout(patience);
    }
    for (const socket of [this.shell, this.control, this.iopub]) socket.close();
    this.forget();
    this.temporary.remove();
  }

  private writeConnectionFile(): string {
    const path = join(this.folder, "connection.json");
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = [1, 2, 3, 4, 5];
    const ports = { shell_port, iopub_port, stdin_port, control_port, hb_port };
    const signing = { key: this.key, signature_scheme: "hmac-sha256" };
    const address = { transport: "ipc", ip: join(this.folder, "k") };
    writeFileSync(path, JSON.stringify({ ...address, ...ports, ...signing }), { mode: 0o600 });
    return path;
  }

  private connect(): void {
    const address = (port: number): string => `ipc://${join(this.folder, "k")}:${port}`;
    this.shell.connect(address(1));
    this.iopub.connect(address(2));
    this.control.connect(address(4));
    this.iopub.subscribe();
    for (const socket of [this.shell, this.control, this.iopub]) void this.receive(socket);
  }

  private async receive(socket: AsyncIterable<Buffer[]>): Promise<void> {
    for await (const frames of socket) this.dispatch(this.parse(frames));
  }

  private parse(frames: Buffer[]): Message {
    const start = frames.findIndex((frame) => frame.toString() === DELIMITER);
    const [header, parent, , content] = frames.slice(start + 2).map((frame) => JSON.parse(frame.toString()));
    return { type: header.msg_type, parentId: parent.msg_id, content };
  }

  private dispatch(message: Message): void {
    this.waiting.get(message.parentId ?? "")?.onMessage(message);
  }

  private request(
    socket: Zmq.Dealer,
    type: string,
    content: Record<string, unknown>,
    waiting: Waiting,
  ): string {
    const msg_id = randomUUID();
    if (this.death !== undefined) {
      waiting.reject(this.deathError());
      return msg_id;
    }
    const date = new Date().toISOString();
    const header = {
      msg_id,
      session: this.session,
      username: "pagewalk",
      date,
      msg_type: type,
      version: "5.3",
    };
    const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
    const hash = createHmac("sha256", this.key);
    for (const part of parts) hash.update(part);
    this.waiting.set(msg_id, waiting);
    this.sending = this.sending.then(() => socket.send([DELIMITER, hash.digest("hex"), ...parts]));
    return msg_id;
  }

  /** Asks until something arrives on iopub, because a subscriber may join after the first messages. */
  private async waitUntilReady(): Promise<void> {
    const deadline = Date.now() + KERNEL_START_MS;
    let ready = false;
    while (!ready) {
      if (this.death !== undefined) throw this.deathError();
      if (Date.now() > deadline)
        throw new Error(`the kernel did not answer within ${KERNEL_START_MS / 1000} s`);
      const onMessage = (message: Message): void => {
        ready ||= message.type === "status";
      };
      const id = this.request(this.shell, "kernel_info_request", {}, { onMessage, reject: () => {} });
      await new Promise((resolve) => setTimeout(resolve, 50));
      this.waiting.set(id, ignored);
    }
  }

  private keepProcessOutput(text: Buffer): void {
    this.processOutput += text.toString();
  }

  private died(reason: string): void {
    this.death ??= reason;
    for (const { reject } of this.waiting.values()) reject(this.deathError());
    this.waiting.clear();
  }

  private deathError(): Error {
    const said = this.processOutput.trim();
    return new Error(`the kernel died (${this.death})${said ? `, saying:\n${said}` : ""}`);
  }
}

const ignored: Waiting = { onMessage: () => {}, reject: () => {} };

/** Adds what a message shows to a cell's outputs; text of one stream is joined, as Jupyter does. */
function addOutput(outputs: Output[], { type, content }: Message): void {
  if (type === "stream") {
    const last = outputs.at(-1);
    const text = String(content.text);
    if (last?.output_type === "stream" && last.name === content.name) last.text = `${last.text}${text}`;
    else outputs.push({ output_type: "stream", name: content.name as "stdout" | "stderr", text });
  } else if (type === "display_data" || type === "execute_result" || type === "error") {
    const { transient: _, ...shown } = content;
    outputs.push({ output_type: type, ...shown } as Output);
  }
}
