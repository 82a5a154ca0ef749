/**
 * A folder for what one run of the tests shares: notebooks that were run (ran.ts). And .pagewalk, which graders make where
 * there is none: stock tslab may stop when a folder comes beside an open notebook.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { inRepository } from "../../lib/course/paths.js";

declare module "vitest" {
  export interface ProvidedContext {
    ranNotebooks: string;
  }
}

export default function setup(project: TestProject): () => void {
  mkdirSync(inRepository(".pagewalk"), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "pagewalk-ran-"));
  project.provide("ranNotebooks", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
