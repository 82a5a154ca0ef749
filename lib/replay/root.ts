/**
 * Where the course lies on this computer: the folder that holds notebooks/, exercises/ and lib/.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The project's folder, found upwards from this file (which runs from lib/ in tests and from lib/dist/
 * otherwise). Not in Linux: a helper of the course.
 */
export function projectRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    if (isProject(at)) return at;
    if (dirname(at) === at)
      throw new Error("Pagewalk's own folder was not found above lib/; is the clone complete?");
  }
}

function isProject(folder: string): boolean {
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) return false;
  const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: string };
  return name === "pagewalk-course";
}
