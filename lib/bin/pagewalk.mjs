#!/usr/bin/env node
// The `pagewalk` command; its commands are in lib/course/commands/table.ts.
import { existsSync } from "node:fs";
import bootstrap from "./bootstrap.cjs";

bootstrap.requireNode();
if (!existsSync(new URL("../dist/course/cli.js", import.meta.url))) {
  console.error("pagewalk: this clone is not set up yet. Run: npm start (or: npm ci && npm run build)");
  process.exit(1);
}
const { runCommandLine } = await import("../dist/course/cli.js");
await runCommandLine(process.argv.slice(2));
