/**
 * The kernel as Jupyter sees it. Each mend is tried on the course's kernel and, beside it, on tslab as it comes:
 * the second half of such a pair shows that the first would fail without the mend.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CellRun } from "../../lib/course/notebooks/kernel_client.js";
import { KernelClient } from "../../lib/course/notebooks/kernel_client.js";
import { inRepository } from "../../lib/course/paths.js";
import { stockCommand } from "./stock_kernel.js";

let kernel: KernelClient;
let stock: KernelClient;

beforeAll(async () => {
  const cwd = inRepository("test", "course");
  [kernel, stock] = await Promise.all([
    KernelClient.start({ cwd }),
    KernelClient.start({ cwd, command: stockCommand }),
  ]);
});

afterAll(async () => {
  await Promise.all([kernel?.shutdown(), stock?.shutdown()]);
});

function textOf(run: CellRun): string {
  return run.outputs.map((output) => (output.output_type === "stream" ? output.text : "")).join("");
}

function errorOf(run: CellRun): { ename: string; evalue: string; traceback: string } {
  const error = run.outputs.find((output) => output.output_type === "error");
  if (error?.output_type !== "error") throw new Error(`no error among ${JSON.stringify(run.outputs)}`);
  return { ...error, traceback: stripVTControlCharacters(error.traceback.join("\n")) };
}

describe("imports", () => {
  it("finds pagewalk, whatever folder the notebook is in", async () => {
    const run = await kernel.execute(`import { PAGE_SIZE } from "pagewalk";\nconsole.log(PAGE_SIZE);`);
    expect(run).toMatchObject({ status: "ok", outputs: [{ name: "stdout", text: "4096\n" }] });
  });

  it("finds pagewalk on stock tslab too", async () => {
    const run = await stock.execute(`import { PAGE_SIZE } from "pagewalk";\nconsole.log(PAGE_SIZE);`);
    expect(run).toMatchObject({ status: "ok", outputs: [{ name: "stdout", text: "4096\n" }] });
  });
});

describe("the kernel's parts", () => {
  const cells = [
    `import { boot, type Process } from "pagewalk";
import { getMmRss, ptePresent, type VmFault, VM_WRITE } from "pagewalk/kernel";
const machine = boot({ ram: "4 MiB" });
const alice: Process = machine.spawn("alice");`,
    `type Typed<T> = 0 extends 1 & T ? "any" : "typed";
const types: [Typed<typeof ptePresent>, Typed<VmFault>, Typed<Process>] = ["typed", "typed", "typed"];
alice.store(alice.mmap("8 KiB"), 1, 1);
const areas = [...alice.mm.mmMt].filter((vma) => (vma.vmFlags & VM_WRITE) !== 0);
const task = machine.kernel.tasks.get(alice.pid);`,
    `console.log(types.length, ptePresent(1), ptePresent(0), getMmRss(alice.mm), areas.length, task?.pid === alice.pid);`,
  ];

  it.each([
    ["the course's kernel", () => kernel],
    ["stock tslab", () => stock],
  ])("come from pagewalk/kernel on %s, with their types", async (_name, which) => {
    for (const cell of cells.slice(0, 2)) expect(await which().execute(cell)).toMatchObject({ status: "ok" });
    expect(textOf(await which().execute(cells[2]!))).toBe("3 true false 1 1 true\n");
  });
});

describe("Node's own names", () => {
  it("are known to the first cell that needs them, and to those after it", async () => {
    const fresh = await KernelClient.start();
    const cells = [
      `console.log("only printing")`,
      `const n: NodeJS.Platform | undefined = undefined; setTimeout(() => {}, 0); process.pid > 0`,
      `import { existsSync } from "node:fs";\nexistsSync("/")`,
      `const bytes: Buffer = Buffer.from("a"); console.group("g"); bytes.length`,
    ];
    for (const cell of cells) expect(await fresh.execute(cell), cell).toMatchObject({ status: "ok" });
    await fresh.shutdown();
  });

  it("are still checked for their types", async () => {
    const error = errorOf(await kernel.execute(`process.pid.toUpperCase()`));
    expect(error.evalue).toContain("Property 'toUpperCase' does not exist on type 'number'");
  });

  it("leave a name that nobody has an error", async () => {
    expect(errorOf(await kernel.execute(`nobodyHasThis + 1`)).evalue).toContain("Cannot find name");
  });
});

describe("an error in a cell", () => {
  const failing = `interface Thing { size: number }\n\nfunction grow(thing: Thing): never {\n  throw new RangeError("too big: " + thing.size);\n}\ngrow({ size: 3 });`;

  it("reaches Jupyter with its name, its message and the lines of the cell", async () => {
    const error = errorOf(await kernel.execute(failing));
    expect(error).toMatchObject({ ename: "RangeError", evalue: "too big: 3" });
    expect(error.traceback).toMatch(/at grow \(cell \[\d+\], line 4, column 9\): {2}throw new RangeError/);
    expect(error.traceback).toMatch(/at cell \[\d+\], line 6, column 1: {2}grow\(\{ size: 3 \}\)/);
    expect(error.traceback.split("\n")).toHaveLength(3);
  });

  it("reaches Jupyter as no error at all from stock tslab", async () => {
    expect((await stock.execute(failing)).outputs.map((output) => output.output_type)).toEqual(["stream"]);
  });

  it("points to the line of lib's own .ts file", async () => {
    const run = await kernel.execute(`import { Ram } from "pagewalk";\nnew Ram(5);`);
    expect(errorOf(run).traceback).toMatch(/at new Ram \(lib\/hw\/ram\.ts:\d+:\d+\)/);
  });

  it("points to the line also after an await", async () => {
    const run = await kernel.execute(`const one: number = 1;\nawait null;\n\n(null as any).size;`);
    expect(errorOf(run).traceback).toMatch(/at cell \[\d+\], line 4, column \d+/);
  });

  it("shows the line and a caret when the cell does not compile", async () => {
    const error = errorOf(await kernel.execute(`const a = 1;\nconst size: number = "four";`));
    expect(error.ename).toBe("TypeScriptError");
    expect(error.traceback).toContain(`line 2, column 7: Type 'string' is not assignable to type 'number'.`);
    expect(error.traceback).toContain(`        const size: number = "four";\n              ^`);
  });

  it("shows the cause of an error below it", async () => {
    const run = await kernel.execute(`throw new Error("outer", { cause: new TypeError("inner") });`);
    expect(errorOf(run).traceback).toMatch(/^Error: outer\n(.*\n)*Caused by TypeError: inner/);
  });

  it("shows a thrown value that is not an Error", async () => {
    expect(errorOf(await kernel.execute(`throw "just text";`))).toMatchObject({ evalue: "'just text'" });
  });
});

describe("cells after an error", () => {
  it("run, when they are sent after the error has come", async () => {
    await kernel.execute(`throw new Error("first");`);
    expect(await kernel.execute(`console.log("second");`)).toMatchObject({ status: "ok" });
  });

  it("are skipped by stock tslab for 200 ms, with a status that is no error", async () => {
    await stock.execute(`throw new Error("first");`);
    expect(await stock.execute(`console.log("second");`)).toMatchObject({ status: "abort", outputs: [] });
    await new Promise((resolve) => setTimeout(resolve, 300));
  });

  it("are given up when they were waiting behind it, as Run All expects", async () => {
    const runs = [`throw new Error("first");`, `1`, `2`].map((code) => kernel.execute(code));
    expect((await Promise.all(runs)).map((run) => run.status)).toEqual(["error", "aborted", "aborted"]);
    expect((await kernel.execute(`3`)).status).toBe("ok");
  });

  it("run although they were waiting, when the request says so", async () => {
    const runs = [`throw new Error("first");`, `1`].map((code) =>
      kernel.execute(code, { stopOnError: false }),
    );
    expect((await Promise.all(runs)).map((run) => run.status)).toEqual(["error", "ok"]);
  });
});

describe("output", () => {
  it("arrives complete from ten thousand console.logs in one cell", async () => {
    const run = await kernel.execute(`for (let i = 0; i < 10_000; i++) console.log("line " + i);`);
    const lines = textOf(run).trimEnd().split("\n");
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([10_000, "line 0", "line 9999"]);
  });

  it("arrives complete and in order from two thousand displays in one cell", async () => {
    const run = await kernel.execute(
      `import * as tslab from "tslab";\nfor (let i = 0; i < 2000; i++) tslab.display.html("<b>" + i + "</b>");`,
    );
    const shown = run.outputs.map(
      (output) => output.output_type === "display_data" && output.data["text/html"],
    );
    expect(shown).toEqual(Array.from({ length: 2000 }, (_, i) => `<b>${i}</b>`));
  });

  it("keeps the order of stdout and stderr", async () => {
    const run = await kernel.execute(`console.log("1"); console.error("2"); console.log("3");`);
    expect(run.outputs).toMatchObject([{ text: "1\n" }, { name: "stderr", text: "2\n" }, { text: "3\n" }]);
  });

  it("is shown while a long cell still runs", async () => {
    const run = await kernel.execute(
      `const end = Date.now() + 400;\nlet printed = 0;\nwhile (Date.now() < end) if (printed < 5) { printed++; console.log("tick"); }`,
    );
    expect(textOf(run)).toBe("tick\n".repeat(5));
  });

  it("is lost from stock tslab, and the cell hangs", async () => {
    const run = stock.execute(`for (let i = 0; i < 10_000; i++) console.log("line " + i);`);
    const late = new Promise((resolve) => setTimeout(() => resolve("still running"), 1500));
    expect(await Promise.race([run, late])).toBe("still running");
    run.catch(() => {});
  });
});

describe("files beside an open notebook", () => {
  it("may come and go: all cells are answered", async () => {
    const open = await KernelClient.start();
    let answered = 0;
    const cells = Array.from({ length: 12 }, (_, i) => String(i));
    for (const cell of [`import { boot } from "pagewalk"; boot`, ...cells]) {
      const folder = mkdtempSync(inRepository("node_modules", "come-and-gone-"));
      writeFileSync(join(folder, "a.ts"), "export {}");
      const run = open.execute(cell).then(
        ({ status }) => status === "ok",
        () => false,
      );
      const ok = await Promise.race([run, sleep(8000, false)]);
      rmSync(folder, { recursive: true });
      if (!ok) break;
      answered++;
      await sleep(0);
    }
    await open.shutdown();
    expect(answered).toBe(13);
  });
});

describe("the last value of a cell", () => {
  const rich = `({ [Symbol.for("Jupyter.display")]: () => ({ "text/html": "<b>rich</b>", "text/plain": "plain" }) })`;

  it("is the cell's result, as text", async () => {
    const run = await kernel.execute(`[1, 2].map((x) => x * 2)`);
    expect(run.outputs).toMatchObject([
      { output_type: "execute_result", data: { "text/plain": "[ 2, 4 ]" } },
    ]);
  });

  it("is shown richly when it offers itself under Symbol.for('Jupyter.display')", async () => {
    const data = { "text/html": "<b>rich</b>", "text/plain": "plain" };
    expect((await kernel.execute(rich)).outputs).toMatchObject([{ output_type: "execute_result", data }]);
  });

  it("is nothing when it is undefined", async () => {
    expect((await kernel.execute(`undefined`)).outputs).toEqual([]);
  });
});

describe("stopping", () => {
  it("interrupts a loop that never ends, and goes on with the next cell", async () => {
    const run = kernel.execute(`while (true) {}`);
    setTimeout(() => kernel.interrupt(), 500);
    expect(errorOf(await run)).toMatchObject({ ename: "Interrupted" });
    expect((await kernel.execute(`1 + 1`)).status).toBe("ok");
  });

  it("interrupts an await that never ends", async () => {
    const run = kernel.execute(`await new Promise(() => {});`);
    setTimeout(() => kernel.interrupt(), 500);
    expect(errorOf(await run)).toMatchObject({ ename: "Interrupted" });
  });

  it("turns process.exit in a cell into an error, so that no variable is lost", async () => {
    await kernel.execute(`let kept = 42;`);
    expect(errorOf(await kernel.execute(`process.exit(3)`)).evalue).toMatch(/^process\.exit\(3\) would end/);
    expect((await kernel.execute(`kept`)).outputs).toMatchObject([{ data: { "text/plain": "42" } }]);
  });

  it("rejects the cell that was running when the kernel dies", async () => {
    const doomed = await KernelClient.start();
    const run = doomed.execute(`process.kill(process.pid, "SIGKILL"); while (true) {}`);
    await expect(run).rejects.toThrow("the kernel died (exit status SIGKILL)");
    await doomed.shutdown();
  });

  it("ends although a cell left a timer running", async () => {
    const ticking = await KernelClient.start();
    await ticking.execute(`setInterval(() => {}, 1000);`);
    await ticking.shutdown();
    expect(ticking.death).toBe("exit status 0");
  });
});
