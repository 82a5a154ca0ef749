/**
 * Finding a Jupyter that works, and installing one where there is none.
 *
 * Plain JavaScript without packages, because `npm start` asks here first, before anything is installed: who has no Jupyter should not wait
 * for npm to be told so. lib/course/jupyter/find.ts and install.ts are the same functions with types.
 *
 *     find      the course's own, each `jupyter` on PATH, Debian's. A pyenv shim may stand for no Python that has Jupyter, so
 *               each one is asked for its version, and only an answer counts.
 *     install   uv      makes a Python environment in .pagewalk/jupyter and installs JupyterLab there
 *               venv    Python's own venv and pip do the same
 *               apt     Debian's or Ubuntu's package jupyter-notebook, for the whole computer: root or sudo only
 *
 * Nothing is installed without a yes: on a terminal the learner is asked, otherwise PAGEWALK_INSTALL must name the way. With
 * neither, the exact commands are printed; those that need an administrator are called so.
 */
"use strict";
const childProcess = require("child_process");
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const ROOT = path.join(__dirname, "..", "..");
const ANSWER_MS = 30000;
/** JupyterLab from Python's package index; tried with 4.0. */
const PYTHON_PACKAGE = "jupyterlab>=4,<5";
const DEBIAN_COMMANDS = [
  ["apt-get", "update"],
  ["apt-get", "install", "-y", "--no-install-recommends", "jupyter-notebook"],
];

/** An error whose message is all that the learner needs. */
class Missing extends Error {}

/** Where `npm start` puts a Jupyter of its own, if asked to. */
function ownJupyterFolder() {
  return path.join(ROOT, ".pagewalk", "jupyter");
}

/**
 * Every `jupyter` command there is: the course's own, each on PATH, and Debian's. Where PAGEWALK_JUPYTER names
 * one (`/opt/jupyter/bin/jupyter`), only that one and the course's own.
 */
function jupyterCommands(env) {
  const settings = env || process.env;
  const own = path.join(ownJupyterFolder(), "bin");
  const folders = [own].concat((settings.PATH || "").split(path.delimiter), "/usr/bin");
  const every = folders.filter((dir) => dir !== "").map((dir) => path.join(dir, "jupyter"));
  const files = settings.PAGEWALK_JUPYTER ? [settings.PAGEWALK_JUPYTER, path.join(own, "jupyter")] : every;
  const real = new Map();
  for (const file of files) if (fs.existsSync(file)) real.set(fs.realpathSync(file), file);
  return Array.from(real.values());
}

/** This Jupyter's answer for one of its apps, "notebook" or "lab", or undefined. */
function askApp(file, app) {
  const answer = childProcess.spawnSync(file, [app, "--version"], { encoding: "utf8", timeout: ANSWER_MS });
  const version = answer.status === 0 ? /^\d+\.\d+\S*/m.exec(answer.stdout) : null;
  return version === null ? undefined : { path: file, app: app, version: version[0] };
}

/** Asks one command for both apps. */
function askJupyter(file) {
  const found = ["notebook", "lab"].map((app) => askApp(file, app)).filter((answer) => answer !== undefined);
  return { path: file, found: found };
}

/** The first Jupyter that answers; notebook before lab of the same command. */
function findJupyter() {
  for (const file of jupyterCommands())
    for (const app of ["notebook", "lab"]) {
      const answer = askApp(file, app);
      if (answer !== undefined) return answer;
    }
  return undefined;
}

function works(program, args) {
  return childProcess.spawnSync(program, args, { stdio: "ignore", timeout: ANSWER_MS }).status === 0;
}

function isRoot() {
  return process.getuid !== undefined && process.getuid() === 0;
}

/** The ways that this user can go on this computer, best first. Debian's Python may have venv without the pip to fill it. */
function installWays() {
  const ways = [];
  if (works("uv", ["--version"])) ways.push("uv");
  if (works("python3", ["-c", "import venv, ensurepip"])) ways.push("venv");
  if (works("apt-get", ["--version"]) && (isRoot() || works("sudo", ["--version"]))) ways.push("apt");
  return ways;
}

/** What an administrator must run where this user cannot; nothing where there is no apt-get. */
function administratorCommands() {
  return works("apt-get", ["--version"]) ? DEBIAN_COMMANDS : [];
}

/** The commands of a way, as they are run and as they are shown. */
function installCommands(way) {
  const folder = ownJupyterFolder();
  const python = `${folder}/bin/python`;
  if (way === "uv")
    return [
      ["uv", "venv", folder],
      ["uv", "pip", "install", "--python", python, PYTHON_PACKAGE],
    ];
  if (way === "venv")
    return [
      ["python3", "-m", "venv", folder],
      [python, "-m", "pip", "install", "--disable-pip-version-check", PYTHON_PACKAGE],
    ];
  return DEBIAN_COMMANDS.map((command) => (isRoot() ? command : ["sudo"].concat(command)));
}

/** A command as it can be pasted into a shell. */
function shellLine(words) {
  return words
    .map((word) => (/^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`))
    .join(" ");
}

function indented(commands) {
  return commands.map((line) => `    ${shellLine(line)}`).join("\n");
}

function forAdministrator() {
  const commands = administratorCommands();
  return commands.length === 0
    ? "An administrator of this computer can install JupyterLab or Notebook: https://jupyter.org/install"
    : `An administrator of this computer (root) must run:\n${indented(commands)}`;
}

/** What to do where there is no Jupyter: the ways of this user, and what an administrator can do if apt is none of them. */
function instructions(ways) {
  const parts = ways.map(
    (way) => `  With ${way} (or run: PAGEWALK_INSTALL=${way} npm start):\n${indented(installCommands(way))}`,
  );
  if (ways.length === 0)
    return `No working Jupyter was found. ${forAdministrator()}\nThen run npm start again.`;
  if (ways.indexOf("apt") < 0 && administratorCommands().length > 0)
    parts.push(`  Or an administrator of this computer (root) runs:\n${indented(administratorCommands())}`);
  return `No working Jupyter was found. Install one in any of these ways, then run npm start again:\n\n${parts.join("\n\n")}\n`;
}

const NO_NETWORK =
  /Temporary failure[^\n]*|(?:Could not|Failed to) resolve[^\n]*|Name or service not known|Network is unreachable|No route to host|Connection (?:refused|timed out)|dns error[^\n]*|error sending request[^\n]*/i;

/** Runs a command; what it says is shown and kept. */
function runShown(command) {
  process.stdout.write(`$ ${shellLine(command)}\n`);
  const child = childProcess.spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const show = (stream) => (chunk) => {
    said = (said + chunk.toString()).slice(-20000);
    stream.write(chunk);
  };
  child.stdout.on("data", show(process.stdout));
  child.stderr.on("data", show(process.stderr));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ status: 127, said: said, error: error }));
    child.on("close", (status) => resolve({ status: status, said: said }));
  });
}

/** Installs Jupyter in the way that the learner chooses, or throws a Missing that says what to do. */
async function offerInstall() {
  const ways = installWays();
  const way = await chooseWay(ways);
  if (way === "apt") mayUseApt();
  for (const command of installCommands(way)) {
    const result = await runShown(command);
    if (result.status !== 0) throw new Missing(failure(command, result, ways, way));
  }
}

/** Throws where this user may not install packages of the computer. */
function mayUseApt() {
  if (isRoot()) return;
  if (!works("sudo", ["--version"]))
    throw new Missing(
      `apt installs for the whole computer, and there is no sudo here. ${forAdministrator()}`,
    );
  // It asks for the password on the terminal, if it needs one.
  const { status } = childProcess.spawnSync("sudo", ["-v"], { stdio: "inherit" });
  if (status !== 0) throw new Missing(`sudo does not let this user install packages. ${forAdministrator()}`);
}

function failure(command, result, ways, tried) {
  const line = shellLine(command);
  const what = result.error
    ? `There is no working ${command[0]} on this computer`
    : `"${line}" failed (status ${result.status})`;
  const network = NO_NETWORK.exec(result.said);
  const why = network ? ` The network did not answer: ${network[0].trim().slice(0, 120)}.` : "";
  const others = ways.filter((way) => way !== tried).map((way) => `PAGEWALK_INSTALL=${way} npm start`);
  let next = "";
  if (others.length > 0) next = ` Another way: ${others.join(", or ")}`;
  else if (tried !== "apt") next = ` ${forAdministrator()}`;
  return `${what}, so Jupyter is not installed.${why}${network ? "" : next}`;
}

async function chooseWay(ways) {
  const named = process.env.PAGEWALK_INSTALL;
  if (named) {
    if (named === "uv" || named === "venv" || named === "apt") return named;
    throw new Missing(
      `PAGEWALK_INSTALL is ${JSON.stringify(named.slice(0, 40))}; it can be uv, venv or apt.`,
    );
  }
  if (ways.length > 0 && process.stdin.isTTY && process.stdout.isTTY && (await ask(ways[0]))) return ways[0];
  throw new Missing(instructions(ways));
}

function ask(way) {
  process.stdout.write(
    `No working Jupyter was found. It can be installed now with:\n\n${indented(installCommands(way))}\n`,
  );
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  return new Promise((resolve) => {
    terminal.on("close", () => resolve(false));
    terminal.question("\nDo it? [Y/n] ", (answer) => {
      resolve(/^(y|yes|)$/i.test(answer.trim()));
      terminal.close();
    });
  });
}

let known;

/** A Jupyter that works; looked for once, and offered to be installed where there is none. Throws a Missing. */
async function jupyterOrInstall() {
  if (known !== undefined) return known;
  process.stdout.write("Looking for Jupyter ...\n");
  let found = findJupyter();
  if (found === undefined) {
    await offerInstall();
    found = findJupyter();
  }
  if (found === undefined)
    throw new Missing("Jupyter was installed, but does not answer. npm run doctor says more.");
  process.stdout.write(`  found ${found.app} ${found.version}, ${found.path}\n`);
  known = found;
  return found;
}

module.exports = {
  Missing: Missing,
  administratorCommands: administratorCommands,
  askJupyter: askJupyter,
  findJupyter: findJupyter,
  installCommands: installCommands,
  installWays: installWays,
  instructions: instructions,
  jupyterCommands: jupyterCommands,
  jupyterOrInstall: jupyterOrInstall,
  ownJupyterFolder: ownJupyterFolder,
  shellLine: shellLine,
};
