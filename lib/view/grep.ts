/**
 * grep: the lines of a text that one wants to see, as the command of this name shows them.
 *
 *    grep(/VmRSS|VmSize/, machine.procfs.read("/proc/1/status"))
 *
 * The files of /proc are text, and most of their lines are not what a question is about.
 * Not in Linux: a helper of the course; see man 1 grep.
 */

import { valueText } from "../hw/options.js";

/**
 * The lines of `text` that match `pattern`, a regular expression or a piece of text, joined by new lines.
 * man 1 grep. TypeError for anything else.
 */
export function grep(pattern: RegExp | string, text: string): string {
  if (!(pattern instanceof RegExp) && typeof pattern !== "string")
    throw new TypeError(`grep() takes a pattern such as /VmRSS/; got ${valueText(pattern)}`);
  if (typeof text !== "string") throw new TypeError(`grep() looks into a text; got ${valueText(text)}`);
  const matches = (line: string) =>
    typeof pattern === "string" ? line.includes(pattern) : line.search(pattern) >= 0;
  return text.split("\n").filter(matches).join("\n");
}
