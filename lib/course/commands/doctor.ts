/**
 * `pagewalk doctor`: what the course needs, what of it is here, and what to do about the rest. Changes
 * nothing.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync } from "node:fs";
import { askJupyter, jupyterCommands } from "../jupyter/find.js";
import { installAdvice } from "../jupyter/install.js";
import { KernelClient } from "../notebooks/kernel_client.js";
import { inRepository } from "../paths.js";

/** One line of the report; `advice` says what to do where it is not good. */
interface Finding {
  good: boolean;
  what: string;
  advice?: string;
  /** Not needed to work through the labs. */
  optional?: boolean;
}

/** Prints what is found and what is missing; the exit status. Not in Linux: a helper of the course. */
export async function run(): Promise<number> {
  const checks = [node, packages, jupyter, kernel, chromium];
  let missing = 0;
  for (const check of checks) {
    for (const { good, what, advice, optional } of await check()) {
      console.log(`${good ? "ok     " : optional ? "absent " : "MISSING"}  ${what}`);
      if (!good && advice !== undefined) console.log(`         ${advice}`);
      if (!good && !optional) missing++;
    }
  }
  console.log(missing === 0 ? "\nAll that the labs need is here." : `\n${missing} missing.`);
  return missing === 0 ? 0 : 1;
}

async function node(): Promise<Finding[]> {
  return [{ good: true, what: `Node ${process.versions.node}, ${process.execPath}` }];
}

async function packages(): Promise<Finding[]> {
  const names = ["tslab", "zeromq", "typescript", "vitest", "plotly.js-dist-min"];
  const gone = names.filter((name) => !existsSync(inRepository("node_modules", name)));
  if (gone.length === 0) return [{ good: true, what: "npm packages" }];
  return [{ good: false, what: `npm packages: ${gone.join(", ")}`, advice: "Run: npm ci" }];
}

async function jupyter(): Promise<Finding[]> {
  const candidates = jupyterCommands().map(askJupyter);
  const findings = candidates.flatMap(({ path, found }): Finding[] => {
    if (found.length === 0) {
      return [{ good: false, optional: true, what: `${path} is there, but has neither notebook nor lab` }];
    }
    return found.map(({ app, version }) => ({ good: true, what: `Jupyter ${app} ${version}, ${path}` }));
  });
  if (candidates.some(({ found }) => found.length > 0)) return findings;
  return [...findings, { good: false, what: "a working Jupyter", advice: installAdvice() }];
}

async function kernel(): Promise<Finding[]> {
  try {
    const client = await KernelClient.start();
    try {
      const { status } = await client.execute(`import { PAGE_SIZE } from "pagewalk"; PAGE_SIZE`);
      if (status !== "ok") throw new Error(`a cell that imports pagewalk ended with status ${status}`);
    } finally {
      await client.shutdown();
    }
    return [{ good: true, what: "the kernel starts, and a cell can import pagewalk" }];
  } catch (error) {
    return [
      {
        good: false,
        what: `the kernel: ${(error as Error).message}`,
        advice: "Run: npm ci && npm run build",
      },
    ];
  }
}

async function chromium(): Promise<Finding[]> {
  const path = findChromium();
  const what = `Chromium${path === undefined ? "" : `, ${path}`} (only for the course's own browser test)`;
  return [{ good: path !== undefined, optional: true, what }];
}

/** A Chromium or Chrome of this computer. */
export function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  return names.map((name) => `/usr/bin/${name}`).find((path) => existsSync(path));
}
