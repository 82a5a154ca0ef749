/**
 * Every command and subcommand with every kind of bad word: each ends in a sentence, never in a stack.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { runBench } from "../../../lib/bench/main.js";
import { main } from "../../../lib/course/cli.js";
import type { Command } from "../../../lib/course/command.js";
import { endingOf } from "../../../lib/course/commands/errors.js";
import { COMMANDS } from "../../../lib/course/commands/table.js";
import { inRepository } from "../../../lib/course/paths.js";

interface Answer {
  status: number;
  out: string;
  err: string;
}

/** Runs a command in this process, with what it prints kept. */
async function pagewalk(...args: string[]): Promise<Answer> {
  return captured(() => main(args));
}

async function captured(act: () => Promise<number> | number): Promise<Answer> {
  const printed = { out: "", err: "" };
  const keep = (where: "out" | "err", end: string) => (text: unknown) => {
    printed[where] += `${String(text)}${end}`;
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(keep("out", "")),
    vi.spyOn(process.stderr, "write").mockImplementation(keep("err", "")),
    vi.spyOn(console, "log").mockImplementation(keep("out", "\n")),
  ];
  try {
    return { status: await act(), ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** A stack, or an error as Node prints it. */
const STACK = /^\s+at |node:internal|\[object |undefined|\bE[A-Z]{4,}\b/m;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be printed
const UNPRINTABLE = /[\0-\x08\x0b-\x1f\x7f-\x9f]/;

function expectSentence({ status, out, err }: Answer, what: string): void {
  expect(status, what).toBeGreaterThan(0);
  expect(out + err, what).not.toMatch(STACK);
  expect(out + err, what).not.toMatch(UNPRINTABLE);
  expect(err === "" ? out : err, what).toMatch(err === "" ? /^FAILED/ : /^pagewalk: /);
}

/** All commands that do something, with the words that call them. */
const commands: [string, Command][] = [...COMMANDS].flatMap(([name, command]) =>
  "parts" in command
    ? [...command.parts].map(([part, inner]): [string, Command] => [`${name} ${part}`, inner])
    : [[name, command] as [string, Command]],
);
const groups = [...COMMANDS].filter(([, command]) => "parts" in command).map(([name]) => name);

describe.each(commands)("pagewalk %s", (name, command) => {
  const words = name.split(" ");

  it("answers --help and -h with how it is used and what each option means", async () => {
    for (const args of [
      [...words, "--help"],
      [...words, "-h"],
      ["help", ...words],
      [...words, "junk", "--help"],
    ]) {
      const { status, out, err } = await pagewalk(...args);
      expect([status, err]).toEqual([0, ""]);
      expect(out.startsWith(`usage: pagewalk ${command.usage}\n`)).toBe(true);
      for (const option of command.options.keys()) expect(out).toContain(`\n  ${option} `);
    }
  });

  it("answers --version", async () => {
    expect(await pagewalk(...words, "--version")).toEqual({ status: 0, out: "pagewalk 0.1.0\n", err: "" });
  });

  it("refuses an option that does not exist, and names the nearest that does", async () => {
    for (const option of [...command.options.keys(), "--help"]) {
      const wrong = `${option.slice(0, -1)}q`;
      const { status, out, err } = await pagewalk(...words, wrong);
      expect([status, out]).toEqual([2, ""]);
      expect(err).toContain(`there is no option ${wrong}; did you mean --`);
      expect(err).toContain(`usage: pagewalk ${command.usage}`);
    }
    expectSentence(await pagewalk(...words, "-x"), "-x");
    expectSentence(await pagewalk(...words, `--${"x".repeat(5000)}\x1b[31m`), "a long option");
    expectSentence(await pagewalk(...words, "--__proto__"), "--__proto__");
  });

  it("refuses options without their value, with one too many, and given twice", async () => {
    for (const [option, { value }] of command.options) {
      const wrong = value === undefined ? [`${option}=yes`] : [option];
      expect(await pagewalk(...words, ...wrong)).toMatchObject({ status: 2, out: "" });
      const twice = value === undefined ? [option, option] : [option, "1", `${option}=2`];
      expect((await pagewalk(...words, ...twice)).err).toContain(`${option} is given twice`);
    }
  });

  it("refuses too few words and too many", async () => {
    if (command.least > 0) expect((await pagewalk(...words)).err).toContain(`pagewalk: ${command.missing}\n`);
    if (!Number.isFinite(command.most)) return;
    const many = Array.from({ length: command.most + 1 }, () => "x");
    expect((await pagewalk(...words, ...many)).err).toContain('"x" is a word too many');
  });
});

describe("pagewalk", () => {
  it("lists every command, without words, with help, and with --help", async () => {
    for (const args of [[], ["help"], ["--help"], ["-h"]]) {
      const { status, out } = await pagewalk(...args);
      expect(status).toBe(0);
      for (const { usage } of COMMANDS.values()) expect(out).toContain(`  pagewalk ${usage}`);
    }
    expect((await pagewalk("--version")).out).toBe("pagewalk 0.1.0\n");
  });

  it("names the nearest command for one that does not exist", async () => {
    expect((await pagewalk("gade")).err).toContain("there is no command gade; did you mean grade?");
    for (const name of [
      "constructor",
      "__proto__",
      "toString",
      "",
      " ",
      "\x1b[31m",
      "x".repeat(9999),
      "-x",
      "--x",
    ])
      expectSentence(await pagewalk(name), name);
  });

  it("lists the parts of a command that has some, and names the nearest", async () => {
    for (const name of groups) {
      expect((await pagewalk(name, "--help")).out).toContain(`usage: pagewalk ${name} `);
      expect((await pagewalk(name)).err).toMatch(new RegExp(`^pagewalk: ${name} what\\? .*check`));
      expect((await pagewalk(name, "chek")).err).toContain(
        `there is no command ${name} chek; did you mean check?`,
      );
      for (const part of ["constructor", "__proto__", "--x"])
        expectSentence(await pagewalk(name, part), part);
    }
  });
});

describe("a file that is not what it should be", () => {
  const folder = mkdtempSync(join(tmpdir(), "page walk "));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  mkdirSync(join(folder, "folder.vms"));
  symlinkSync("loop", join(folder, "loop"));
  const bad = {
    missing: join(folder, "missing.vms"),
    folder: join(folder, "folder.vms"),
    "inside a file": join(file("plain", "x"), "inside.vms"),
    "a link to itself": join(folder, "loop"),
    "a device": "/dev/zero",
    "one that answers with an error": "/proc/self/mem",
    "a name too long": join(folder, "x".repeat(300)),
    binary: file(
      "binary",
      Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 0xff, 0x1b, 0x5b, 0x33, 0x31, 0x6d]),
    ),
    "invalid JSON": file("invalid.ipynb", '{"cells": [\n'),
    "JSON of another kind": file("other.ipynb", "[null]"),
    colours: file("colours.vms", "\x1b[31mred\x1b[0m\n"),
  };
  const notebook = (cell: string, rest = '"metadata": {}, "nbformat": 4'): string =>
    file("cell.ipynb", `{"cells": [{"cell_type": "raw", "metadata": {}, "source": []}, ${cell}], ${rest}}`);

  it.each(Object.entries(bad))("is told by every command that takes one: %s", async (_what, path) => {
    for (const words of [["replay"], ["notebooks", "check"], ["notebooks", "run"], ["notebooks", "strip"]])
      expectSentence(await pagewalk(...words, path), `${words.join(" ")} ${path}`);
    if (!path.endsWith(".ipynb") && !path.endsWith("colours.vms"))
      expectSentence(await pagewalk("grade", "01", "--file", path), `grade 01 --file ${path}`);
  });

  it("is empty: a scenario without steps, a notebook that is none", async () => {
    const empty = file("empty", "");
    expect(await pagewalk("replay", empty)).toEqual({ status: 0, out: "", err: "" });
    expect((await pagewalk("notebooks", "check", empty)).out).toContain(
      "not a notebook in nbformat 4: it is empty",
    );
  });

  it.each([
    ["{}", /cell 2 has no cell_type/],
    ["null", /cell 2 is no object/],
    ['{"cell_type": "code", "source": []}', /cell 2 has no metadata/],
    ['{"cell_type": "code", "metadata": null, "source": []}', /cell 2 has no metadata/],
    ['{"cell_type": "code", "metadata": {}}', /cell 2 has no source/],
    ['{"cell_type": "markdown", "metadata": {}, "source": [1]}', /cell 2 has no source/],
    ['{"cell_type": "code", "metadata": {"tags": 7}, "source": ""}', /cell 2 has tags that are no list/],
    ['{"cell_type": "code", "metadata": {}, "source": "", "id": {}}', /cell 2 has an id that is no text/],
    ['{"cell_type": "heading", "metadata": {}, "source": ""}', /cell 2 has the cell_type "heading"/],
  ])("is a notebook with the cell %s", async (cell, says) => {
    for (const part of ["check", "run", "strip"]) {
      const { status, out } = await pagewalk("notebooks", part, notebook(cell));
      expect([status, out]).toEqual([1, expect.stringMatching(says)]);
    }
  });

  it("is a notebook without what every notebook has; the others are still looked at", async () => {
    const cell = '{"cell_type": "code", "metadata": {}, "source": "1"}';
    for (const rest of ['"nbformat": 4', '"metadata": {}, "nbformat": 3', '"metadata": [], "nbformat": 4']) {
      const { out } = await pagewalk(
        "notebooks",
        "check",
        notebook(cell, rest),
        inRepository("notebooks", "01-paging.ipynb"),
      );
      expect(out).toMatch(
        /is not a notebook in nbformat 4: (it has no metadata|its nbformat is 3)[\s\S]*\nok .*01-paging/,
      );
    }
  });

  it("has links and a name that are no addresses and no pattern", async () => {
    const path = file(
      "(x",
      `{"cells": [{"cell_type": "markdown", "metadata": {}, "source": "[a](%zz) ![b](%) [c](%2e/) [d](#%) [e](..#x.md)"}], "metadata": {}, "nbformat": 4}`,
    );
    expectSentence(await pagewalk("notebooks", "check", path), "a malformed link");
  });

  it("cannot be written, because a folder of its name is there", async () => {
    const cell = '{"cell_type": "markdown", "metadata": {}, "source": "x"}';
    mkdirSync(join(folder, "out", "cell.ipynb"), { recursive: true });
    const answer = await pagewalk("notebooks", "run", "--output", join(folder, "out"), notebook(cell));
    expect(answer.err).toMatch(/^pagewalk: .*out\/cell\.ipynb cannot be written: it is a folder/);
  });
});

describe("numbers and names in words", () => {
  it.each([
    ["start --port 0", /--port is a whole number from 1 to 65535, not "0"/],
    ["start --port 1e3", /--port is a whole number/],
    ["hint 77", /There is no lab "77"/],
    ["hint 01", /A hint is for one exercise/],
    ["hint constructor", /There is no lab "constructor"/],
    ["reset 01.99", /There is no exercise "01.99"/],
    ["grade ../../../etc/passwd", /There is no lab/],
    ["grade --file x", /--file needs the lab/],
    ["grade 01 --file x --solutions", /exclude each other/],
    ["notebooks new 5", /such as 05-reclaim, not "5"/],
    ["notebooks check 77", /no notebook for lab 77/],
    ["notebooks run --output", /--output needs its DIR/],
    ["replay", /replay what\?/],
    ["replay --limit x c01", /--limit is a whole number/],
    ["replay --linux x --seeds 0:1e15", /is a whole number/],
    ["replay --linux x --seeds 5:5", /A less than B/],
    ["replay --linux x --seeds", /--seeds needs its A:B/],
    ["replay --linux x c01", /takes no names/],
    ["replay --files", /--files goes with --linux/],
    ["replay --all consructor", /no family of scenarios consructor/],
    ["replay nonesuch", /no recorded scenario "nonesuch"/],
    ["replay z", /may mean/],
  ])("pagewalk %s", async (line, says) => {
    const answer = await pagewalk(...line.split(" "));
    expectSentence(answer, line);
    expect(answer).toMatchObject({ status: 2, out: "" });
    expect(answer.err).toMatch(says);
  });
});

describe("npm run bench", () => {
  it("answers --help and --version", async () => {
    expect((await captured(() => runBench(["--help"]))).out).toMatch(
      /^usage: npm run bench -- [\s\S]*--machines[\s\S]*hot128K/,
    );
    expect((await captured(() => runBench(["--version"]))).out).toBe("pagewalk 0.1.0\n");
  });

  it.each([
    [["--onyl", "x"], /did you mean --only/],
    [["--only", "hot128"], /no case hot128; did you mean hot128K/],
    [["--reps", "0"], /--reps is a whole number from 1/],
    [["--length", "1e9"], /--length is a whole number/],
    [["junk"], /"junk" is a word too many/],
  ])("refuses %j", (args, says) => {
    expect(() => runBench(args)).toThrow(says);
    const bench = spawnSync(process.execPath, [inRepository("lib/dist/bench/main.js"), ...args], {
      encoding: "utf8",
    });
    expect(bench.stderr).toMatch(/^bench: .*\nusage: npm run bench -- .*\n$/);
    expect(bench.status).toBe(2);
  });
});

describe("an error that nobody expected", () => {
  it("becomes a sentence, and shows its stack only when asked to", () => {
    const { text, status } = endingOf(new TypeError(`x is not a function ${"y".repeat(100_000)}`));
    expect(status).toBe(1);
    expect(text).toMatch(
      /^a fault of Pagewalk itself, TypeError: x is not a function y+\.\.\.\n.*PAGEWALK_STACK=1/,
    );
    expect(text.length).toBeLessThan(700);
    vi.stubEnv("PAGEWALK_STACK", "1");
    expect(endingOf(new TypeError("x")).text).toMatch(/TypeError: x\n\s+at /);
    vi.unstubAllEnvs();
  });

  it("is not raised by a reader that stops listening", () => {
    const command = `"${process.execPath}" "${inRepository("lib/bin/pagewalk.mjs")}" replay c01 --json | head -c 1`;
    const { status, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", command], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
