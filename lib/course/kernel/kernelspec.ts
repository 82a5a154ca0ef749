/**
 * Telling Jupyter about the course's kernel without installing anything outside the repository.
 *
 * Jupyter looks for kernels in `kernels/NAME/kernel.json` under each folder of JUPYTER_PATH. The course
 * writes its own under `node_modules/.cache/pagewalk/`, under the name `tslab`, and sets JUPYTER_PATH for the
 * server it starts, so that a notebook made for a stock tslab opens with it, and a tslab that a learner has
 * installed is neither used nor changed.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { writeWhole } from "../files.js";
import { inRepository } from "../paths.js";

/** What the notebooks name as their kernel; stock tslab registers itself under the same names. */
export const KERNELSPEC = { name: "tslab", display_name: "TypeScript", language: "typescript" } as const;

/** The command that starts the course's kernel; Jupyter puts the connection file's path in the last place. */
export function kernelCommand(connectionFile: string): string[] {
  return [process.execPath, inRepository("lib", "bin", "kernel.mjs"), connectionFile];
}

/** Writes `kernel.json` and returns the folder to put first in JUPYTER_PATH. */
function writeKernelspec(
  folder: string = inRepository("node_modules", ".cache", "pagewalk", "jupyter"),
): string {
  const dir = join(folder, "kernels", KERNELSPEC.name);
  mkdirSync(dir, { recursive: true });
  const { display_name, language } = KERNELSPEC;
  const spec = { argv: kernelCommand("{connection_file}"), display_name, language };
  writeWhole(join(dir, "kernel.json"), `${JSON.stringify(spec, null, 1)}\n`);
  return folder;
}

/** The environment for a Jupyter server that shall find the course's kernel before any other. */
export function environmentWithKernel(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const folders = [writeKernelspec(), env.JUPYTER_PATH].filter((part) => part);
  return { ...env, JUPYTER_PATH: folders.join(delimiter) };
}
