/**
 * Everything a cell prints reaches Jupyter, however much it is and however busy the cell.
 *
 * By default zeromq sends 512 messages without going back to the event loop; the next `send` waits, and those
 * after it are refused. It also drops what is over 1000 messages for a slow listener. A cell that prints
 * 10,000 lines in a loop therefore loses most of them under stock tslab, and the "idle" message too, so that
 * the cell seems to run for ever. Two settings of the socket mend that; joining text keeps the messages few.
 *
 *     console.log x 10,000 --> StreamBuffer (joins text) --> iopub socket (never waits, never drops) --> Jupyter
 *
 * Not in Linux: part of the course, not of the machine.
 */
import type { Publisher } from "./tslab.js";

/** Makes a publishing socket send every message at once, in order, without a limit. */
export function sendWithoutLimit(socket: Publisher): void {
  socket.sendHighWaterMark = 0;
  // With a timeout zeromq would make the 513th send in a row wait for the event loop.
  socket.sendTimeout = 0;
}

/**
 * Text is passed on at most this often while a cell is busy, so that a long loop still shows its progress.
 */
const FLUSH_EVERY_MS = 100;

/** Joins many small writes to stdout or stderr into few messages, and keeps the order between the two. */
export class StreamBuffer {
  private readonly publish: (name: string, text: string) => void;
  private name = "";
  private parts: string[] = [];
  private lastFlushMs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(publish: (name: string, text: string) => void) {
    this.publish = publish;
  }

  write(name: "stdout" | "stderr", text: string): void {
    if (name !== this.name) this.flush();
    this.name = name;
    this.parts.push(text);
    if (Date.now() - this.lastFlushMs >= FLUSH_EVERY_MS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), FLUSH_EVERY_MS).unref();
  }

  /** Passes on what is kept; called before anything else is shown, and when the cell ends. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.parts.length === 0) return;
    const text = this.parts.join("");
    this.parts = [];
    this.lastFlushMs = Date.now();
    this.publish(this.name, text);
  }
}
