/**
 * Installing Jupyter where there is none, by the first of three ways that this computer has:
 *
 *     uv     uv makes a Python environment in .pagewalk/jupyter and installs JupyterLab there
 *     venv   Python's own venv and pip do the same
 *     apt    Debian's or Ubuntu's package jupyter-notebook, for the whole computer
 *
 * Nothing is installed without a yes: on a terminal the learner is asked, otherwise PAGEWALK_INSTALL must name the
 * way. With neither, the exact commands are printed.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { spawnSync } from "node:child_process";
import { createInterface } from "node:readline/promises";
import { CommandFailure } from "../commands/errors.js";
import { ownJupyterFolder } from "./find.js";

export type InstallWay = "uv" | "venv" | "apt";

/** JupyterLab from Python's package index; tried with 4.0. */
const PYTHON_PACKAGE = "jupyterlab>=4,<5";

type CommandLine = string[];

/** The commands of a way, as they are run and as they are shown. */
export function installCommands(way: InstallWay): CommandLine[] {
  const folder = ownJupyterFolder();
  const python = `${folder}/bin/python`;
  if (way === "uv") {
    return [
      ["uv", "venv", folder],
      ["uv", "pip", "install", "--python", python, PYTHON_PACKAGE],
    ];
  }
  if (way === "venv") {
    return [
      ["python3", "-m", "venv", folder],
      [python, "-m", "pip", "install", "--disable-pip-version-check", PYTHON_PACKAGE],
    ];
  }
  const sudo = process.getuid?.() === 0 ? [] : ["sudo"];
  return [
    [...sudo, "apt-get", "update"],
    [...sudo, "apt-get", "install", "-y", "--no-install-recommends", "jupyter-notebook"],
  ];
}

/** Whether a command runs at all and ends well. */
function works(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}

/** The ways that this computer has, best first. Debian's Python may have venv without the pip to fill it. */
export function installWays(): InstallWay[] {
  const ways: InstallWay[] = [];
  if (works("uv", "--version")) ways.push("uv");
  if (works("python3", "-c", "import venv, ensurepip")) ways.push("venv");
  if (works("apt-get", "--version")) ways.push("apt");
  return ways;
}

/** Installs Jupyter in the way that the learner chooses, or throws a CommandFailure with the commands to type. */
export async function offerInstall(): Promise<void> {
  const ways = installWays();
  const way = await chooseWay(ways);
  for (const [program, ...args] of installCommands(way)) {
    console.log(`$ ${shellLine([program!, ...args])}`);
    const { status, error } = spawnSync(program!, args, { stdio: ["ignore", "inherit", "inherit"] });
    if (status !== 0) {
      const line = shellLine([program!, ...args]);
      const missing = `There is no working ${program} on this computer`;
      const what = error === undefined ? `"${line}" failed` : missing;
      throw new CommandFailure(`${what}, so Jupyter is not installed. ${otherWays(ways, way)}`);
    }
  }
}

async function chooseWay(ways: InstallWay[]): Promise<InstallWay> {
  const named = process.env.PAGEWALK_INSTALL;
  if (named !== undefined && named !== "") {
    if (named === "uv" || named === "venv" || named === "apt") return named;
    throw new CommandFailure(`PAGEWALK_INSTALL is "${named}"; it can be uv, venv or apt.`);
  }
  const [best] = ways;
  if (best === undefined) throw new CommandFailure(NO_WAY);
  if (process.stdin.isTTY && process.stdout.isTTY && (await ask(best))) return best;
  throw new CommandFailure(instructions(ways));
}

async function ask(way: InstallWay): Promise<boolean> {
  console.log("No working Jupyter was found. It can be installed now with:\n");
  for (const line of installCommands(way)) console.log(`    ${shellLine(line)}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question("\nDo it? [Y/n] ");
  terminal.close();
  return /^(y|yes|)$/i.test(answer.trim());
}

const NO_WAY =
  "No working Jupyter was found, and none of uv, python3 with venv and pip, or apt-get to install it with.\n" +
  "Install JupyterLab or Notebook (https://jupyter.org/install), then run npm start again.";

function instructions(ways: InstallWay[]): string {
  const parts = ways.map((way) => {
    const lines = installCommands(way).map((line) => `    ${shellLine(line)}`);
    return [`  With ${way} (or run: PAGEWALK_INSTALL=${way} npm start):`, ...lines].join("\n");
  });
  return `No working Jupyter was found. Install one in any of these ways, then run npm start again:\n\n${parts.join("\n\n")}\n`;
}

function otherWays(ways: InstallWay[], tried: InstallWay): string {
  const others = ways.filter((way) => way !== tried).map((way) => `PAGEWALK_INSTALL=${way} npm start`);
  return others.length === 0
    ? "Is there a network?"
    : `If the network is there, try: ${others.join(", or ")}`;
}

/** A command as it can be pasted into a shell. */
export function shellLine(words: CommandLine): string {
  return words
    .map((word) => (/^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
