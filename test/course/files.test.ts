/** Files that are written whole or not at all. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readInput, writeNew, writeWhole } from "../../lib/course/files.js";
import { inRepository } from "../../lib/course/paths.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "page walk "));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("writing a file", () => {
  it("keeps its mode and a link to it, and leaves nothing beside it", () => {
    const file = join(folder, "a");
    writeFileSync(file, "old");
    chmodSync(file, 0o640);
    symlinkSync("a", join(folder, "link"));
    writeWhole(join(folder, "link"), "new");
    expect(readFileSync(file, "utf8")).toBe("new");
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(lstatSync(join(folder, "link")).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["a", "link"]);
  });

  it("says why it cannot be done, and leaves what was there", () => {
    mkdirSync(join(folder, "dir"));
    expect(() => writeWhole(join(folder, "dir"), "x")).toThrow(/dir cannot be written: it is a folder/);
    expect(() => writeWhole(join(folder, "none", "x"), "x")).toThrow(/cannot be written: it is not there/);
    expect(readdirSync(folder)).toEqual(["dir"]);
  });

  it("never shows half of it to a reader", async () => {
    const file = join(folder, "a");
    const texts = ["a", "b"].map((letter) => letter.repeat(300_000));
    writeWhole(file, texts[0]!);
    const script = `import { writeWhole } from ${JSON.stringify(pathToFileURL(inRepository("lib/dist/course/files.js")).href)};
      for (let i = 0; i < 300; i++) writeWhole(process.argv[1], "ba"[i % 2].repeat(300000));`;
    const writer = spawn(process.execPath, ["--input-type=module", "-e", script, file]);
    let ended = false;
    const end = once(writer, "exit").then(() => {
      ended = true;
    });
    let reads = 0;
    for (; !ended; reads++) {
      expect(texts).toContain(readFileSync(file, "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await end;
    expect(reads).toBeGreaterThan(10);
  });

  it("never replaces one that must be new", () => {
    expect(writeNew(join(folder, "a"), "1")).toBe(true);
    expect(writeNew(join(folder, "a"), "2")).toBe(false);
    expect(readFileSync(join(folder, "a"), "utf8")).toBe("1");
    expect(readdirSync(folder)).toEqual(["a"]);
  });
});

describe("reading a file", () => {
  it("says why it cannot be done", () => {
    expect(() => readInput(folder)).toThrow(/cannot be read: it is a folder/);
    expect(() => readInput("/dev/zero")).toThrow(/no file but a device/);
    expect(() => readInput(join(folder, "x"))).toThrow(/there is no file/);
    writeFileSync(join(folder, "b"), Buffer.from([65, 0, 66]));
    expect(() => readInput(join(folder, "b"))).toThrow(/it is no text/);
  });
});

describe("resets at the same time", () => {
  it("all end well, and every saved copy is whole", async () => {
    cpSync(fileURLToPath(new URL("fixtures/lab", import.meta.url)), folder, { recursive: true });
    const file = join(folder, "exercises", "99-counting.ts");
    const mine = `${readFileSync(file, "utf8")}${"// mine\n".repeat(20_000)}`;
    writeFileSync(file, mine);
    const script = `import { reset } from ${JSON.stringify(pathToFileURL(inRepository("lib/dist/course/exercises/reset.js")).href)};
      reset("99", process.argv[1]);`;
    const ends = Array.from({ length: 6 }, () =>
      once(spawn(process.execPath, ["--input-type=module", "-e", script, folder]), "exit"),
    );
    expect(await Promise.all(ends)).toEqual(ends.map(() => [0, null]));
    const saved = readdirSync(join(folder, "exercises", "saved"));
    expect(saved.length).toBeGreaterThan(0);
    for (const name of saved) expect(name).toMatch(/^99-counting\.\d+\.ts\.txt$/);
    for (const name of saved)
      expect(readFileSync(join(folder, "exercises", "saved", name), "utf8").length).toBe(mine.length);
    expect(readdirSync(join(folder, "exercises")).sort()).toEqual(["99-counting.ts", "saved"]);
  });
});
