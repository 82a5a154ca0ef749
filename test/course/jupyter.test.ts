/**
 * `npm start` where there is no Jupyter: in a folder that holds nothing but what git has, as a user without rights, with a PATH of
 * small programs that stand for the computer's.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inRepository } from "../../lib/course/paths.js";

/** nobody */
const USER = 65534;
const isRoot = process.getuid?.() === 0;
const ADMINISTRATOR =
  /An administrator of this computer \(root\) must run:\n {4}apt-get update\n {4}apt-get install -y .*jupyter-notebook/;

let root: string;
let bin: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pagewalk start "));
  bin = join(root, "bin");
  mkdirSync(bin);
  mkdirSync(join(root, "lib"));
  cpSync(inRepository("lib", "bin"), join(root, "lib", "bin"), { recursive: true });
  writeFileSync(join(root, "package-lock.json"), "{}");
  mkdirSync(join(root, "node_modules"));
  chmodSync(root, 0o755);
  program("npm", `touch "${join(root, "npm-was-called")}"; exit 1`);
  writeFileSync(join(root, "npm-was-called"), "");
  chmodSync(join(root, "npm-was-called"), 0o666);
  rmSync(join(root, "npm-was-called"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A program on the PATH of the learner. */
function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** `npm start` as nobody; nothing but `bin` is on the PATH. */
function start(env: Record<string, string> = {}, ...words: string[]) {
  const user = isRoot ? { uid: USER, gid: USER } : {};
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "lib", "bin", "start.cjs"), ...words],
    {
      encoding: "utf8",
      env: { PATH: bin, HOME: root, PAGEWALK_JUPYTER: join(bin, "jupyter"), ...env },
      stdio: ["ignore", "pipe", "pipe"],
      ...user,
    },
  );
  expect(stdout + stderr).not.toMatch(/^\s+at /m);
  return {
    status,
    stdout,
    stderr,
    npm: existsSync(join(root, "npm-was-called")) || /npm packages/.test(stdout),
  };
}

describe("npm start without a Jupyter", () => {
  it("says so before npm is called, and prints the ways of this user", () => {
    program("uv", "exit 0");
    program("apt-get", "exit 0");
    const { status, stderr, npm } = start();
    expect({ status, npm }).toEqual({ status: 1, npm: false });
    expect(stderr).toMatch(/No working Jupyter was found\. Install one in any of these ways/);
    expect(stderr).toMatch(/With uv \(or run: PAGEWALK_INSTALL=uv npm start\):\n {4}uv venv/);
    expect(stderr).toMatch(/Or an administrator of this computer \(root\) runs:\n {4}apt-get update/);
    expect(stderr).not.toMatch(/sudo|network/);
  });

  it("says what an administrator must run where this user can do nothing", () => {
    program("apt-get", "exit 0");
    expect(start().stderr).toMatch(ADMINISTRATOR);
    const apt = start({ PAGEWALK_INSTALL: "apt" });
    expect(apt.status).toBe(1);
    expect(apt.stderr).toMatch(/there is no sudo here/);
    expect(apt.stderr).toMatch(ADMINISTRATOR);
    expect(apt.stderr).not.toMatch(/network/);
    rmSync(join(bin, "apt-get"));
    expect(start().stderr).toMatch(/An administrator .* can install JupyterLab or Notebook: https/);
  });

  it("offers apt where there is sudo, and says so when sudo refuses", () => {
    program("apt-get", "exit 0");
    program("sudo", '[ "$1" = --version ] || { echo "nobody is not in the sudoers file." >&2; exit 1; }');
    expect(start().stderr).toMatch(/With apt .*:\n {4}sudo apt-get update/);
    const { stderr, stdout } = start({ PAGEWALK_INSTALL: "apt" });
    expect(stderr).toMatch(/sudo does not let this user install packages/);
    expect(stderr).toMatch(ADMINISTRATOR);
    expect(stderr + stdout).not.toMatch(/network/);
  });

  it("speaks of the network only when the network did not answer", () => {
    program("uv", '[ "$1" = --version ] || { echo "error: no space left on device" >&2; exit 2; }');
    const full = start({ PAGEWALK_INSTALL: "uv" });
    expect(full.stderr).toMatch(
      /error: no space left[\s\S]*"uv venv .*" failed \(status 2\), so Jupyter is not installed/,
    );
    expect(full.stderr).not.toMatch(/network/);
    program(
      "uv",
      '[ "$1" = --version ] || { echo "error: Temporary failure in name resolution" >&2; exit 2; }',
    );
    expect(start({ PAGEWALK_INSTALL: "uv" }).stderr).toMatch(
      /The network did not answer: Temporary failure in name resolution/,
    );
  });

  it("names another way where the one that was named is not there", () => {
    program("apt-get", "exit 0");
    expect(start({ PAGEWALK_INSTALL: "uv" }).stderr).toMatch(/There is no working uv on this computer/);
    expect(start({ PAGEWALK_INSTALL: "uv" }).stderr).toMatch(ADMINISTRATOR);
    expect(start({ PAGEWALK_INSTALL: "magic" }).stderr).toMatch(
      /PAGEWALK_INSTALL is "magic"; it can be uv, venv or apt/,
    );
  });

  it("answers --help without looking for anything", () => {
    const { status, stdout, npm } = start({}, "--help");
    expect({ status, npm }).toEqual({ status: 0, npm: false });
    expect(stdout).toMatch(/^usage: npm start/);
  });

  it("takes a jupyter that does not answer for none, and one that answers goes on to npm", () => {
    program("jupyter", "exit 1");
    expect(start()).toMatchObject({ status: 1, npm: false });
    program("jupyter", "echo 4.0.11");
    const { stdout, npm } = start();
    expect(stdout).toMatch(/^Looking for Jupyter \.\.\.\n {2}found notebook 4\.0\.11, /);
    expect(npm || /cannot be written/.test(start().stderr)).toBe(true);
  });
});
