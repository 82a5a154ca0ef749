/**
 * Predictions: a question before the cell that shows the answer.
 *
 *   predict("How many frames hold tables when one page is mapped?", undefined, "3hVqkz2m")
 *            the question                                           your answer  the sealed answer
 *
 * Saying first what one expects, and then looking, is how experiments teach. So the notebook must be able to
 * check an answer that it does not show: it holds a seal, a piece of a SHA-256 of question and answer. `seal`
 * makes one. (Whoever wants to cheat can, by trying answers.)
 *
 * Without an answer a prediction only asks; it never throws, so that a notebook runs through from top to
 * bottom.
 * Not in Linux: a helper of the course.
 */

import { createHash } from "node:crypto";
import { valueText } from "../hw/options.js";

/** What a learner may predict. */
export type Answer = number | bigint | string | boolean | readonly (number | bigint | string | boolean)[];

/** How a prediction stands. */
export type PredictionState = "open" | "right" | "wrong";

/**
 * The seal of `answer` to `question`, eight characters. Text answers are compared without regard to case,
 * spaces at the ends, and a full stop; numbers by value, so 16 and 0x10 are the same answer.
 */
export function seal(question: string, answer: Answer): string {
  const hash = createHash("sha256").update(`${question.trim()}\n${plain(answer)}`);
  return hash.digest("base64url").slice(0, 8);
}

function plain(answer: Answer): string {
  if (Array.isArray(answer)) return answer.map(plain).join(",");
  if (typeof answer !== "string") return String(answer);
  return answer.trim().replace(/\.$/, "").replace(/\s+/g, " ").toLowerCase();
}

/** A question, what was answered, and whether that is right. Shown as the last expression of a cell. */
export class Prediction {
  readonly question: string;
  readonly answer: Answer | undefined;
  readonly state: PredictionState;

  constructor(question: string, answer: Answer | undefined, state: PredictionState) {
    this.question = question;
    this.answer = answer;
    this.state = state;
  }

  toString(): string {
    return `${this.question}\n${this.verdict}`;
  }

  private get verdict(): string {
    if (this.state === "open")
      return "Your prediction? Put it in place of `undefined`, run this cell again, and only then go on.";
    const said = Array.isArray(this.answer) ? `[${this.answer.join(", ")}]` : String(this.answer);
    if (this.state === "right") return `You said ${said}: right. Now see it happen.`;
    return `You said ${said}: not so. Think again and change your answer, or run on and see why.`;
  }

  /** What console.log prints. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  [Symbol.for("Jupyter.display")](): Record<string, string> {
    // Colours of lines only, seen on white and on black alike; the text has the theme's own colour.
    const colour = { open: "#6e7781", right: "#2da44e", wrong: "#bc6a00" }[this.state];
    const mark = { open: "?", right: "✔", wrong: "✘" }[this.state];
    const style = `border-left:4px solid ${colour};padding:4px 12px;margin:4px 0;color:var(--jp-content-font-color1,inherit)`;
    const html = `<div class="pagewalk-predict" style="${style}"><b>${mark}</b> ${escapeHtml(this.question)}<br><i>${escapeHtml(this.verdict)}</i></div>`;
    return { "text/html": html, "text/plain": this.toString() };
  }
}

/**
 * Asks `question` and checks `answer` against `sealed` (several seals, separated by spaces, when several
 * answers are right). `undefined` is no answer yet. TypeError when question or seal are missing.
 */
export function predict(question: string, answer: Answer | undefined, sealed: string): Prediction {
  if (typeof question !== "string" || question.trim() === "" || typeof sealed !== "string" || sealed === "")
    throw new TypeError("predict(question, answer, seal) needs a question, and the seal of its answer");
  if (answer === undefined || answer === null) return new Prediction(question, undefined, "open");
  if (!["string", "number", "boolean", "bigint"].includes(typeof answer) && !Array.isArray(answer))
    throw new TypeError(`an answer is a text, a number, true or false, or a list; not ${valueText(answer)}`);
  const seals = sealed.split(/\s+/);
  const right = waysToSay(answer).some((said) => seals.includes(seal(question, said)));
  return new Prediction(question, answer, right ? "right" : "wrong");
}

/** The same answer in other clothes: "0x10" is 16, and true is "yes". */
function waysToSay(answer: Answer): Answer[] {
  const text = plain(answer);
  if (/^(0x[0-9a-f]+|[0-9]+)$/.test(text)) return [answer, Number(text)];
  if (text === "yes" || text === "true" || text === "y") return [answer, "yes", "true"];
  if (text === "no" || text === "false" || text === "n") return [answer, "no", "false"];
  return [answer];
}

function escapeHtml(text: string): string {
  return text
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/`([^`]*)`/g, "<code>$1</code>");
}
