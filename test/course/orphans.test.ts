/** Kernels whose parent is gone. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { inRepository } from "../../lib/course/paths.js";
import { stockCommand } from "./stock_kernel.js";

/** Starts a kernel from a process of its own, puts it into an endless loop, and says its number. */
const parentScript = (command: string): string => `
  const { KernelClient } = await import(${JSON.stringify(
    pathToFileURL(inRepository("lib", "dist", "course", "notebooks", "kernel_client.js")).href,
  )});
  const kernel = await KernelClient.start(${command});
  await kernel.execute("1");
  kernel.execute("while (true) {}").catch(() => {});
  setTimeout(() => console.log(kernel.pid), 300);
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function orphan(command = ""): Promise<number> {
  const parent = spawn(process.execPath, ["--input-type=module", "-e", parentScript(command)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(text.toString());
  expect(isAlive(pid)).toBe(true);
  const gone = once(parent, "exit");
  parent.kill("SIGKILL");
  await gone;
  return pid;
}

async function endsByItself(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200 && isAlive(pid); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const ended = !isAlive(pid);
  if (!ended) process.kill(pid, "SIGKILL");
  return ended;
}

describe("a kernel whose parent was killed", () => {
  it("ends, even in the middle of an endless loop", async () => {
    expect(await endsByItself(await orphan())).toBe(true);
  });

  it("ends also when it is the stock tslab of these tests", async () => {
    const command = stockCommand("FILE").map((word) => (word === "FILE" ? "file" : JSON.stringify(word)));
    expect(await endsByItself(await orphan(`{ command: (file) => [${command}] }`))).toBe(true);
  });
});
