/**
 * A copy of the course as a learner has it after a clone, with `npm start` running in it: exercises not yet written,
 * in a folder whose name has spaces in it. node_modules is linked file by file, so the copy costs little.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeCuts } from "../../lib/course/exercises/cut.js";
import { inRepository } from "../../lib/course/paths.js";

/** The learner's clone, with its server. */
export interface FreshCopy {
  root: string;
  /** The list of labs, with the token. */
  url: string;
  /** Everything that `npm start` printed. */
  printed: () => string;
  close(): Promise<void>;
}

function run(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Copies what git knows, or would know after `git add`, and links node_modules. */
function copyCourse(to: string): void {
  const root = inRepository();
  const listed = run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], root);
  for (const file of listed.split("\0").filter((name) => name !== "")) {
    mkdirSync(join(to, dirname(file)), { recursive: true });
    writeFileSync(join(to, file), readFileSync(inRepository(file)));
  }
  run("cp", ["-r", inRepository("lib", "dist"), join(to, "lib", "dist")], root);
  const modules = inRepository("node_modules");
  const linked = spawnSync("cp", ["-rl", modules, to]);
  if (linked.status !== 0) run("cp", ["-r", modules, to], root);
  rmSync(join(to, "node_modules", ".cache"), { recursive: true, force: true });
  writeCuts(to);
}

/** Makes the copy and starts it with an empty home folder. */
export async function startFreshCopy(): Promise<FreshCopy> {
  const folder = mkdtempSync(join(tmpdir(), "pagewalk-browser-"));
  const root = join(folder, "a clone with spaces");
  const home = join(folder, "home");
  mkdirSync(root);
  mkdirSync(home);
  copyCourse(root);
  const start = join("lib", "bin", "start.cjs");
  const env = { ...process.env, HOME: home, JUPYTER_PATH: "" };
  const server = spawn(process.execPath, [start, "--no-browser"], { cwd: root, env });
  let printed = "";
  const keep = (text: Buffer): void => {
    printed += text.toString();
  };
  server.stdout.on("data", keep);
  server.stderr.on("data", keep);
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const close = async (): Promise<void> => {
    if (server.exitCode === null) server.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const url = await addressOf(server, () => printed);
    return { root, url, printed: () => printed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function addressOf(server: ChildProcess, printed: () => string): Promise<string> {
  for (;;) {
    const address = /Pagewalk is at\s+(\S+)/.exec(printed())?.[1];
    if (address !== undefined) return address;
    if (server.exitCode !== null) throw new Error(`npm start ended:\n${printed()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
