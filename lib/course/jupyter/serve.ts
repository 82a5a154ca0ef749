/**
 * A Jupyter server for the labs, from its start to its end.
 *
 *     npm start --> serve() --spawn--> jupyter notebook | lab   (log: .pagewalk/jupyter.log)
 *                      |                   '--> kernels (found through JUPYTER_PATH)
 *                      '-- asks /api until it answers, prints the address; SIGTERM at the end
 *
 * The server's root is the repository, so that learners can open `exercises/` beside `notebooks/`, and
 * plotly.js is served from `node_modules/`. Nothing outside the repository is changed, except that Jupyter
 * keeps its own settings and trust database in the home folder; where that cannot be written they go to
 * `.pagewalk/`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { accessSync, closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../replay/root.js";
import { CommandFailure } from "../commands/errors.js";
import { environmentWithKernel } from "../kernel/kernelspec.js";
import { inRepository } from "../paths.js";
import { atEnd, TemporaryFolder } from "../temporary.js";
import { isClassic, type Jupyter } from "./find.js";

const FIRST_PORT = 8888;
const PORTS_TO_TRY = 20;
const SERVER_START_MS = 60_000;

interface ServeOptions {
  /** Undefined: the first free port from 8888 on. */
  port: number | undefined;
  openBrowser: boolean;
}

/** A server that answers. */
interface LabServer {
  /** Where the list of labs is, with the token. */
  url: string;
  token: string;
  port: number;
  process: ChildProcess;
  /** Resolves with the server's exit status. */
  ended: Promise<number>;
}

/** Starts the server and waits until it answers. */
export async function serve(jupyter: Jupyter, options: ServeOptions): Promise<LabServer> {
  const port = await choosePort(options.port);
  const token = randomBytes(24).toString("hex");
  const env = { ...environmentWithKernel(), ...foldersForReadOnlyHome(), JUPYTER_TOKEN: token };
  trustNotebooks(jupyter, env);
  const logPath = inRepository(".pagewalk", "jupyter.log");
  mkdirSync(inRepository(".pagewalk"), { recursive: true });
  const log = openSync(logPath, "w");
  // Its own process group: Ctrl-C must reach this process only, which then ends the server in order.
  const child = spawn(jupyter.path, serverArguments(jupyter, port, options.openBrowser), {
    cwd: projectRoot(),
    env,
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  // Until the server answers a signal to this process ends it here; afterwards whoever asked for it does.
  const forget = atEnd(() => child.kill("SIGTERM"));
  const folder = new TemporaryFolder(inRepository(".pagewalk"), "serve-");
  if (child.pid !== undefined) folder.owns(child.pid, "SIGTERM");
  const ended = new Promise<number>((resolve) => {
    child.on("error", () => resolve(127));
    child.on("exit", (code) => {
      folder.remove();
      resolve(code ?? 1);
    });
  });
  const url = `http://localhost:${port}${startPage(jupyter)}?token=${token}`;
  try {
    await waitUntilItAnswers(child, `http://127.0.0.1:${port}/api`, logPath);
  } finally {
    forget();
  }
  return { url, token, port, process: child, ended };
}

function startPage(jupyter: Jupyter): string {
  return jupyter.app === "lab" ? "/lab/tree/notebooks" : "/tree/notebooks";
}

/** The words after `jupyter`. */
function serverArguments(jupyter: Jupyter, port: number, openBrowser: boolean): string[] {
  const server = isClassic(jupyter) ? "NotebookApp" : "ServerApp";
  const args = [jupyter.app, `--notebook-dir=${projectRoot()}`];
  args.push(`--${server}.default_url=${startPage(jupyter)}`, `--port=${port}`, `--${server}.port_retries=0`);
  if (!openBrowser) args.push("--no-browser");
  // Jupyter refuses to run as root unless told that this is meant.
  if (process.getuid?.() === 0) args.push("--allow-root");
  return args;
}

async function choosePort(wanted: number | undefined): Promise<number> {
  if (wanted !== undefined) {
    if (await isFree(wanted)) return wanted;
    throw new CommandFailure(`Port ${wanted} is in use. Choose another: npm start -- --port ${wanted + 1}`);
  }
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TO_TRY; port++) {
    if (await isFree(port)) return port;
  }
  const last = FIRST_PORT + PORTS_TO_TRY - 1;
  throw new CommandFailure(
    `All ports from ${FIRST_PORT} to ${last} are in use. Choose one: npm start -- --port N`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Jupyter's folders, moved into the repository where the home folder cannot be written. */
function foldersForReadOnlyHome(): NodeJS.ProcessEnv {
  if (canWrite(homedir())) return {};
  const folder = (name: string): string => inRepository(".pagewalk", "home", name);
  return {
    JUPYTER_CONFIG_DIR: folder("config"),
    JUPYTER_DATA_DIR: folder("data"),
    JUPYTER_RUNTIME_DIR: folder("runtime"),
    IPYTHONDIR: folder("ipython"),
  };
}

function canWrite(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A notebook that Jupyter does not trust loses the scripts of its figures; a failure costs only that. */
function trustNotebooks(jupyter: Jupyter, env: NodeJS.ProcessEnv): void {
  const folder = inRepository("notebooks");
  const names = readdirSync(folder).filter((name) => name.endsWith(".ipynb"));
  const paths = names.map((name) => join(folder, name));
  const trust = (program: string, ...args: string[]): boolean =>
    spawnSync(program, [...args, ...paths], { env, stdio: "ignore", timeout: 30_000 }).status === 0;
  if (trust(jupyter.path, "trust")) return;
  // Debian leaves `jupyter trust` out, but not the module behind it.
  const python = /^#!(\S*python\S*)/.exec(readFileSync(jupyter.path, "utf8"))?.[1];
  if (python !== undefined) trust(python, "-m", "nbformat.sign");
}

async function waitUntilItAnswers(child: ChildProcess, url: string, logPath: string): Promise<void> {
  const deadline = Date.now() + SERVER_START_MS;
  while (!(await answers(url))) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      const last = readFileSync(logPath, "utf8").trim().split("\n").slice(-8).join("\n  ");
      throw new CommandFailure(`Jupyter ended before it was ready. Its last words:\n  ${last}`);
    }
    if (Date.now() > deadline) {
      child.kill("SIGTERM");
      const seconds = SERVER_START_MS / 1000;
      throw new CommandFailure(`Jupyter did not answer within ${seconds} s. Its log is ${logPath}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status < 500;
  } catch {
    return false;
  }
}
