/**
 * Numbers in texts that a program writes to the kernel.
 *
 *   kstrtoint("  12\n")   the whole text is one number: /proc/PID/oom_score_adj, /sys/...
 *   procVec("1 2\t3", 5)  several numbers, as far as they go: /proc/sys/...
 *
 * Both are stricter than C's strtol and differ from each other: kstrtoint allows "+5" and a last newline and
 * answers ERANGE for a number that is too large; procVec allows any white space, no "+", and answers EINVAL.
 * Both read 0x10 and 010 as in C.
 *
 * Linux lib/kstrtox.c, kernel/sysctl.c. Read next: sysctl.ts, sysfs_mm.ts.
 */
import { EINVAL, ERANGE } from "../mm/errno.js";

const INT_MAX = 2n ** 31n - 1n;
const UINT_MAX = 2n ** 32n - 1n;
const ULONG_MAX = 2n ** 64n - 1n;

/**
 * Digits of a number at the start of `text` and its value. Linux lib/kstrtox.c:_parse_integer_fixup_radix(),
 * _parse_integer()
 */
function parseInteger(text: string, base: number): { length: number; value: bigint } {
  const auto = base === 0;
  const hex = (auto || base === 16) && /^0x[0-9a-f]/i.test(text);
  if (hex) {
    const digits = /^[0-9a-f]+/i.exec(text.slice(2))![0];
    return { length: 2 + digits.length, value: BigInt(`0x${digits}`) };
  }
  const octal = auto && text.startsWith("0");
  const digits = (octal ? /^[0-7]+/ : /^[0-9]+/).exec(text)?.[0] ?? "";
  return { length: digits.length, value: digits === "" ? 0n : BigInt(octal ? `0o${digits}` : digits) };
}

/** The text up to its first NUL, as a C string ends. */
function cString(text: string): string {
  const nul = text.indexOf("\0");
  return nul < 0 ? text : text.slice(0, nul);
}

/** Text without white space at both ends. Linux lib/string_helpers.c:strim() */
export function strstrip(text: string): string {
  return cString(text).replace(/^[ \t\n\v\f\r\xa0]+|[ \t\n\v\f\r\xa0]+$/g, "");
}

/**
 * A whole text as a number in [min, max]; -EINVAL for no number, -ERANGE outside; as an object, for values
 * may be negative too.
 */
function kstrto(text: string, base: number, min: bigint, max: bigint): { value: number; error: number } {
  const string = cString(text);
  const sign = string[0] === "-" && min < 0n ? -1n : 1n;
  const rest = string.slice(string[0] === "+" || sign < 0n ? 1 : 0);
  const { length, value } = parseInteger(rest, base);
  if (value > ULONG_MAX) return { value: 0, error: -ERANGE };
  if (length === 0 || !/^\n?$/.test(rest.slice(length))) return { value: 0, error: -EINVAL };
  const signed = sign * value;
  return signed < min || signed > max ? { value: 0, error: -ERANGE } : { value: Number(signed), error: 0 };
}

/** Linux lib/kstrtox.c:kstrtoint() */
export function kstrtoint(text: string, base: number): { value: number; error: number } {
  return kstrto(text, base, -INT_MAX - 1n, INT_MAX);
}

/** Linux lib/kstrtox.c:kstrtouint() */
export function kstrtouint(text: string, base: number): { value: number; error: number } {
  return kstrto(text, base, 0n, UINT_MAX);
}

/** Differs from Linux: at most 2^53 - 1. Linux lib/kstrtox.c:kstrtoul() */
export function kstrtoul(text: string, base: number): { value: number; error: number } {
  return kstrto(text, base, 0n, BigInt(Number.MAX_SAFE_INTEGER));
}

/**
 * The size at the start of `text`, such as 64M, and how many characters say it: 0 if there is no number.
 * Linux lib/cmdline.c:memparse()
 */
export function memparse(text: string): { bytes: number; length: number } {
  const { length, value } = parseInteger(text, 0);
  const unit = " KMGTPE".indexOf((text[length] ?? "").toUpperCase());
  if (length === 0 || unit < 1) return { bytes: Number(value), length };
  return { bytes: Number(BigInt.asUintN(64, value << BigInt(10 * unit))), length: length + 1 };
}

/**
 * Whether a text says yes: by its first letters. Undefined for neither yes nor no.
 * Linux lib/kstrtox.c:kstrtobool()
 */
export function kstrtobool(text: string): boolean | undefined {
  if (/^([eyt1]|on)/i.test(text)) return true;
  return /^([dnf0]|of)/i.test(text) ? false : undefined;
}

/** Whether a written word is `word`, a last newline aside. Linux lib/string_helpers.c:sysfs_streq() */
export function sysfsStreq(text: string, word: string): boolean {
  return cString(text) === word || cString(text) === `${word}\n`;
}

/** What procVec found. */
interface ProcVec {
  /** The numbers taken, in order. */
  values: number[];
  /** Characters of the text that were used up. */
  taken: number;
  /** 0 or -EINVAL; numbers before the wrong one count nevertheless. */
  error: number;
}

/** Characters of a number that are looked at. Linux kernel/sysctl.c:TMPBUFLEN */
const TMPBUFLEN = 22;

/** One number at the start of `text`; undefined if it is none. Linux kernel/sysctl.c:proc_get_long() */
function procGetLong(text: string): { length: number; value: bigint } | undefined {
  const part = text.slice(0, TMPBUFLEN - 1);
  const negative = part[0] === "-" && text.length > 1;
  const digits = part.slice(negative ? 1 : 0);
  if (!/^[0-9]/.test(digits)) return undefined;
  const { length, value } = parseInteger(digits, 0);
  const used = length + (negative ? 1 : 0);
  if (value > ULONG_MAX || used === TMPBUFLEN - 1) return undefined;
  if (used < text.length && !/[ \t\n]/.test(text[used]!)) return undefined;
  return { length: used, value: negative ? -value : value };
}

/**
 * Up to `nr` numbers, white space between them; `convert` gives the value to keep, or undefined to refuse it.
 * What follows the last number is left over. Linux kernel/sysctl.c:__do_proc_dointvec()
 */
export function procVec(text: string, nr: number, convert: (value: bigint) => number | undefined): ProcVec {
  const skipSpaces = (at: number): number => at + /^[ \t\n\v\f\r\xa0]*/.exec(text.slice(at))![0].length;
  const values: number[] = [];
  let at = 0;
  let error = 0;
  while (values.length < nr) {
    at = skipSpaces(at);
    if (at >= text.length) break;
    const found = procGetLong(text.slice(at));
    const value = found === undefined ? undefined : convert(found.value);
    if (found !== undefined) at += found.length;
    if (value === undefined) {
      error = -EINVAL;
      break;
    }
    values.push(value);
  }
  if (error === 0) at = skipSpaces(at);
  if (values.length === 0) error = -EINVAL;
  return { values, taken: at, error };
}

/**
 * Converter for int settings between `min` and `max`. Linux kernel/sysctl.c:do_proc_dointvec_minmax_conv()
 */
export function intBetween(min = Number(-INT_MAX - 1n), max = Number(INT_MAX)) {
  return (value: bigint): number | undefined =>
    value >= BigInt(min) && value <= BigInt(max) ? Number(value) : undefined;
}

/**
 * Converter for unsigned long settings. Linux kernel/sysctl.c:__do_proc_doulongvec_minmax()
 * Differs from Linux: nothing above 2^53 - 1 is taken.
 */
export function ulongBetween(min = 0, max = Number.MAX_SAFE_INTEGER) {
  return intBetween(Math.max(0, min), max);
}
