import { pathToFileURL } from "node:url";
import { requireFromTslab } from "../../lib/course/kernel/tslab.js";
import { inRepository } from "../../lib/course/paths.js";

/** The command of tslab as it comes, except that it ends when the test that started it is gone. */
export function stockCommand(connectionFile: string): string[] {
  const tslab = requireFromTslab().resolve("tslab/bin/tslab");
  const watch = pathToFileURL(inRepository("lib", "dist", "course", "kernel", "parent_watch.js")).href;
  return [process.execPath, "--import", watch, tslab, "kernel", "--config-path", connectionFile];
}
