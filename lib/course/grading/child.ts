/**
 * The grading child: vitest's main process, started by grade.ts for one batch of submissions.
 *
 * It uses none of the project's vitest configuration. Graders import the learner's file under the solution's
 * name (`../../solutions/01-paging.js`), so that they are typed and can be read in an editor; a small plugin
 * answers that import with the copy of the learner's file that lies beside the copy of the grader. Every
 * import of `lib/...` goes to the compiled library, of which there is then one copy in the process.
 */

import { appendFileSync, rmSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { TestModule } from "vitest/node";
import { compiledFile, ENTRIES } from "../paths.js";
import type { Orders, TraceEvent } from "./trace.js";

const orders = JSON.parse(process.env.PAGEWALK_GRADE ?? "{}") as Orders;

// The parent holds the other end of stdin: when it dies, so do we, with all that we started, and nothing is
// left behind.
process.stdin.on("close", orphaned).resume();

function orphaned(): void {
  rmSync(orders.folder, { recursive: true, force: true, maxRetries: 3 });
  // The folder's workers are in this process's group.
  if (process.platform === "win32") process.exit(1);
  process.kill(-process.pid, "SIGKILL");
}

const slashes = (path: string) => path.replaceAll("\\", "/");
const inJobs = (path: string) => slashes(path).startsWith(`${slashes(orders.folder)}/`);

/** The file that `source` means when a copied grader imports it, or undefined to leave it to vite. */
function resolveImport(source: string, importer: string | undefined): string | undefined {
  const entry = ENTRIES.get(source);
  if (entry !== undefined) return compiledFile(orders.root, entry);
  if (!importer || !inJobs(importer)) return undefined;
  const solution = /\/solutions\/(\d\d-[\w-]+)(?:\.[jt]s)?$/.exec(source)?.[1];
  const name = source === "submission" ? basename(importer, ".grade.ts") : solution;
  if (name) return join(dirname(importer), "exercises", `${name}.ts`);
  if (!source.startsWith("../")) return undefined;
  const meant = resolve(orders.jobs[basename(dirname(importer))]!.from, source);
  const inLib = slashes(relative(join(orders.root, "lib"), meant));
  return inLib.startsWith("..") ? meant : compiledFile(orders.root, inLib);
}

function writeVerdicts(modules: readonly TestModule[]): void {
  for (const module of modules) {
    const job = slashes(module.moduleId).split("/").at(-2)!;
    const passed = [...module.children.allTests("passed")].map((test) => test.fullName);
    const event: TraceEvent = { kind: "verdict", job, passed };
    appendFileSync(orders.trace, `${orders.secret} ${JSON.stringify(event)}\n`);
  }
}

async function main(): Promise<void> {
  const { startVitest } = await import("vitest/node");
  const vitest = await startVitest(
    "test",
    [],
    {
      config: false,
      root: orders.folder,
      include: Object.keys(orders.jobs).map((job) => `${job}/all.grade.ts`),
      exclude: [],
      run: true,
      watch: false,
      pool: "forks",
      isolate: false,
      fileParallelism: orders.workers > 1,
      maxWorkers: orders.workers,
      execArgv: ["--max-old-space-size=1400"],
      runner: join(import.meta.dirname, "runner.js"),
      reporters: [{ onTestRunEnd: writeVerdicts }],
      disableConsoleIntercept: true,
      testTimeout: 2 * orders.limitMs,
      server: { deps: { external: [/[\\/]lib[\\/]dist[\\/]/] } },
    },
    {
      plugins: [{ name: "pagewalk-submission", enforce: "pre", resolveId: resolveImport }],
      server: { watch: null },
    },
  );
  await vitest?.close();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);
