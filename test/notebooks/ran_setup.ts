/** A folder for what one run of the tests shares: notebooks that were run (ran.ts). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    ranNotebooks: string;
  }
}

export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "pagewalk-ran-"));
  project.provide("ranNotebooks", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
