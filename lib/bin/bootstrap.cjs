/**
 * What must happen before anything of the course can run, in a fresh clone where nothing is installed: the
 * right Node, the npm packages, a built `lib`. Plain JavaScript without packages, in a syntax that a Node
 * of ten years ago can read, so that it can say "too old" instead of "SyntaxError".
 */
"use strict";
const childProcess = require("child_process");
const crypto = require("crypto");
const fs = require("fs");
const os = require("os");
const path = require("path");

const ROOT = path.join(__dirname, "..", "..");
const STILL_WORKING_EVERY_MS = 10000;

/** Whether this Node can `require` an ES module without a flag, which the kernel needs: 20.19, 22.13, 23.5 or newer. */
function nodeIsNewEnough(version) {
  const parts = version.split(".").map(Number);
  const oldest = { 20: 19, 21: Infinity, 22: 13, 23: 5 }[parts[0]] || 0;
  return parts[0] >= 20 && parts[1] >= oldest;
}

/** Ends the process with a plain sentence. */
function fail(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}

function requireNode() {
  if (nodeIsNewEnough(process.versions.node)) return;
  fail(
    "Pagewalk needs Node 20.19 or newer (of the 22 series 22.13); this is Node " +
      process.versions.node +
      ", " +
      process.execPath +
      ".\nGet a newer one from https://nodejs.org or your version manager. Debian 12's own nodejs package (18) is too old.",
  );
}

function modifiedMs(file) {
  try {
    return fs.statSync(file).mtimeMs;
  } catch (_) {
    return -1;
  }
}

/** Holds the hash of the package-lock.json that is installed. */
const STAMP = path.join(ROOT, "node_modules", ".pagewalk-installed");

function lockHash() {
  const lock = fs.readFileSync(path.join(ROOT, "package-lock.json"));
  return crypto.createHash("sha256").update(lock).digest("hex");
}

/** Whether the packages of this package-lock.json are installed, by us or by an `npm ci` after its last change. */
function isInstalled() {
  const done = modifiedMs(path.join(ROOT, "node_modules", ".package-lock.json"));
  if (done < 0) return false;
  if (done >= modifiedMs(path.join(ROOT, "package-lock.json"))) return true;
  return modifiedMs(STAMP) >= 0 && fs.readFileSync(STAMP, "utf8") === lockHash();
}

/** npm keeps its cache in the home folder; where that cannot be written it gets one in the temporary folder. */
function npmEnvironment() {
  const env = Object.assign({}, process.env);
  if (!canWrite(os.homedir())) env.npm_config_cache = path.join(os.tmpdir(), `pagewalk-npm-${process.pid}`);
  return env;
}

function canWrite(dir) {
  try {
    fs.accessSync(dir, fs.constants.W_OK);
    return true;
  } catch (_) {
    return false;
  }
}

/** Runs a program with its output kept; prints a line at the start, every ten seconds, and at the end. */
function runStep(title, program, args, env) {
  process.stdout.write(`${title} ...\n`);
  const start = Date.now();
  const child = childProcess.spawn(program, args, { cwd: ROOT, env: env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (text) => {
    output += text;
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const seconds = () => Math.round((Date.now() - start) / 1000);
  const timer = setInterval(() => {
    process.stdout.write(`  still working, ${seconds()} s\n`);
  }, STILL_WORKING_EVERY_MS);
  return new Promise((resolve) => {
    const end = (status, text) => {
      clearInterval(timer);
      if (status === 0) process.stdout.write(`  done, ${seconds()} s\n`);
      resolve({ status: status, output: text });
    };
    child.on("error", (error) => {
      end(127, error.message);
    });
    child.on("close", (status) => {
      end(status, output);
    });
  });
}

function npmCommand() {
  const script = process.env.npm_execpath;
  if (script && /npm-cli\.c?js$/.test(script)) return { program: process.execPath, first: [script] };
  return { program: process.platform === "win32" ? "npm.cmd" : "npm", first: [] };
}

const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/;

/** `npm ci`, if it has not been done for this package-lock.json. */
async function ensureInstalled() {
  if (isInstalled()) return;
  if (!canWrite(ROOT)) fail(`The npm packages are not installed, and the folder ${ROOT} cannot be written.`);
  const npm = npmCommand();
  const args = npm.first.concat(["ci", "--no-audit", "--no-fund", "--fetch-retries=1"]);
  const result = await runStep(
    "Installing the npm packages (about a minute)",
    npm.program,
    args,
    npmEnvironment(),
  );
  if (result.status === 0) return fs.writeFileSync(STAMP, lockHash());
  const network = NO_NETWORK.exec(result.output);
  if (network) {
    fail(
      "npm could not reach its registry (" +
        network[0] +
        "), so the packages are not installed.\nCheck the network or npm's proxy setting, then run the same command again.",
    );
  }
  const said = result.output.trim().split("\n").slice(-12).join("\n  ");
  fail(`npm ci failed, so the packages are not installed. npm's last words:\n  ${said}`);
}

function newestSourceMs(dir) {
  let newest = 0;
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    if (entry.name === "dist" || entry.name === "node_modules") continue;
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSourceMs(file));
    else if (entry.name.endsWith(".ts")) newest = Math.max(newest, modifiedMs(file));
  }
  return newest;
}

/** Compiles lib, if it has changed since it was last compiled. */
async function ensureBuilt() {
  const lib = path.join(ROOT, "lib");
  if (modifiedMs(path.join(lib, "dist", ".tsbuildinfo")) >= newestSourceMs(lib)) return;
  const tsc = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", path.join(lib, "tsconfig.json")];
  const result = await runStep("Building lib", process.execPath, args, process.env);
  if (result.status !== 0) fail(`lib does not compile:\n${result.output.trim()}`);
}

async function ensureReady() {
  requireNode();
  await ensureInstalled();
  await ensureBuilt();
}

module.exports = {
  ROOT: ROOT,
  ensureReady: ensureReady,
  fail: fail,
  nodeIsNewEnough: nodeIsNewEnough,
  requireNode: requireNode,
};
