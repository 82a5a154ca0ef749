/**
 * What `--version` prints.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { readInput } from "../files.js";
import { inRepository } from "../paths.js";

/** "pagewalk 0.1.0", as lib/package.json has it. Not in Linux: a helper of the course. */
export function versionText(): string {
  const { version } = JSON.parse(readInput(inRepository("lib", "package.json"))) as { version: string };
  return `pagewalk ${version}\n`;
}
