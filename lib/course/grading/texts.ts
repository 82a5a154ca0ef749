/**
 * Texts of a learner's code on their way into a report: short, and without what a terminal takes for a
 * command.
 *
 *     "\x1b[31mred\x1b[0m\x07" + 100 000 letters     ->     "red\x07 ... (99 500 more characters)"
 *
 * They are cut before anything else looks at them. What comes after (the search for places in a stack,
 * vitest's own account of an error) is made for the size that people write, and takes seconds or minutes for
 * a message of 100 000 characters.
 */

import { stripVTControlCharacters } from "node:util";
import type { ErrorInfo } from "./trace.js";

/** Characters of a message, of a value that is compared, of one line of either. */
const MAX_TEXT = 6000;
const MAX_LINE = 500;
/** A counterexample may have some dozens of steps. */
const MAX_LINES = 100;
/** Characters of a stack that are searched for the learner's file. */
const MAX_STACK = 20_000;

/**
 * `text` without colours, with control characters made visible, and with an end.
 * Not in Linux: a helper of the course.
 */
export function readable(text: string, most = MAX_TEXT): string {
  const { shown, gone } = cut(text, most);
  const all = shown.split("\n");
  const lines = all.slice(0, MAX_LINES).map((line) => oneLine(line));
  const more = all.slice(MAX_LINES).join("\n").length + gone;
  return more > 0 ? [...lines, ended(more)].join("\n") : lines.join("\n");
}

/** `line` with at most `most` characters, all of them printable. Not in Linux: a helper of the course. */
export function oneLine(line: string, most = MAX_LINE): string {
  const { shown, gone } = cut(line, most);
  const printable = shown
    .replaceAll("\t", "  ")
    .replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, visible);
  return gone > 0 ? `${printable}${ended(gone)}` : printable;
}

function ended(gone: number): string {
  return `... (${gone} more characters)`;
}

/** Room for the words that say that something was cut, so that what was cut once is not cut again. */
const ROOM = 60;

/**
 * The first `most` characters of `text` without colours, and how many there are besides. Never looks at all
 * of a long text.
 */
function cut(text: string, most: number): { shown: string; gone: number } {
  const head = text.slice(0, 2 * most + 1000);
  const plain = stripVTControlCharacters(head);
  const length = plain.length + text.length - head.length;
  return length <= most + ROOM
    ? { shown: plain, gone: 0 }
    : { shown: plain.slice(0, most), gone: length - most };
}

function visible(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
}

/** A property of what was thrown, when it is a text; reading it may itself throw. */
function textOf(thrown: unknown, key: string): string | undefined {
  try {
    const value = (thrown as Record<string, unknown> | null | undefined)?.[key];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whatever was thrown, as plain short texts; nothing in it is trusted to behave.
 * Not in Linux: a helper of the course.
 */
export function errorInfo(thrown: unknown): ErrorInfo {
  const message = textOf(thrown, "message") ?? thrownText(thrown);
  const info: ErrorInfo = {
    name: oneLine(textOf(thrown, "name") || "Error", 80),
    message: readable(message),
    stack: framesOf(textOf(thrown, "stack") ?? "", message),
  };
  const got = textOf(thrown, "got") ?? textOf(thrown, "actual");
  const expected = textOf(thrown, "wanted") ?? textOf(thrown, "expected");
  if (got !== undefined && expected !== undefined)
    Object.assign(info, { got: readable(got), expected: readable(expected) });
  return info;
}

function thrownText(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "something that cannot be written as text";
  }
}

/** The frames of a stack, without the message that V8 puts in front of them. */
function framesOf(stack: string, message: string): string {
  const at = message === "" ? -1 : stack.indexOf(message);
  const start = at < 0 ? stack.search(/^ {4}at /m) : at + message.length;
  return stack.slice(Math.max(0, start), Math.max(0, start) + MAX_STACK);
}
