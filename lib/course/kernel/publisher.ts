/**
 * Everything a cell prints reaches Jupyter, however much it is and however busy the cell.
 *
 * zeromq lets a program send 512 messages without going back to the event loop; the next `send` waits, and the
 * one after that is refused ("Socket is busy writing"). A cell that prints 10,000 lines in a loop therefore
 * loses most of them under stock tslab, and the "idle" message too, so that the cell seems to run for ever.
 *
 *     console.log x 10,000 --> StreamBuffer (joins text) --> PatientPublisher (queues) --> zeromq
 *
 * Not in Linux: part of the course, not of the machine.
 */
import type { Publisher } from "./tslab.js";

/** How many messages are sent before the event loop has had its turn; zeromq's own limit is 512. */
const SENDS_PER_TURN = 256;

/** A publisher that keeps what zeromq cannot take yet, in order, and sends it when the event loop runs again. */
export class PatientPublisher implements Publisher {
  readonly #socket: Publisher;
  readonly #waiting: (string | Buffer)[][] = [];
  #sentThisTurn = 0;
  #draining = false;

  constructor(socket: Publisher) {
    this.#socket = socket;
  }

  bind(address: string): Promise<void> {
    return this.#socket.bind(address);
  }

  close(): void {
    this.#socket.close();
  }

  /** Sends now if zeromq will take it now, else queues. Never refuses. */
  async send(frames: (string | Buffer)[]): Promise<void> {
    if (this.#sentThisTurn === 0) setImmediate(() => this.#newTurn());
    if (!this.#draining && this.#sentThisTurn < SENDS_PER_TURN) {
      this.#sentThisTurn++;
      await this.#socket.send(frames);
    } else {
      this.#waiting.push(frames);
    }
  }

  #newTurn(): void {
    this.#sentThisTurn = 0;
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    for (let frames = this.#waiting.shift(); frames !== undefined; frames = this.#waiting.shift()) {
      await this.#socket.send(frames);
    }
    this.#draining = false;
  }
}

/** Text is passed on at most this often while a cell is busy, so that a long loop still shows its progress. */
const FLUSH_EVERY_MS = 100;

/** Joins many small writes to stdout or stderr into few messages, and keeps the order between the two. */
export class StreamBuffer {
  readonly #publish: (name: string, text: string) => void;
  #name = "";
  #parts: string[] = [];
  #lastFlushMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(publish: (name: string, text: string) => void) {
    this.#publish = publish;
  }

  write(name: "stdout" | "stderr", text: string): void {
    if (name !== this.#name) this.flush();
    this.#name = name;
    this.#parts.push(text);
    if (Date.now() - this.#lastFlushMs >= FLUSH_EVERY_MS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_EVERY_MS).unref();
  }

  /** Passes on what is kept; called before anything else is shown, and when the cell ends. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#parts.length === 0) return;
    const text = this.#parts.join("");
    this.#parts = [];
    this.#lastFlushMs = Date.now();
    this.#publish(this.#name, text);
  }
}
