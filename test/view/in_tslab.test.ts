import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KernelClient } from "../../lib/course/notebooks/kernel_client.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const stockCommand = (connectionFile: string): string[] => {
  const main = fileURLToPath(new URL("../../node_modules/tslab/bin/tslab", import.meta.url));
  return [process.execPath, main, "kernel", `--config-path=${connectionFile}`];
};

const cell = `
import { drawAddress, show, table } from "pagewalk";
const caption = "In the middle";
show(table([{ level: 1 }], { caption }));
const picture = drawAddress(0x401abc);
picture`;

const kernels: Record<string, KernelClient> = {};

beforeAll(async () => {
  const [own, stock] = await Promise.all([
    KernelClient.start({ cwd: root }),
    KernelClient.start({ cwd: root, command: stockCommand }),
  ]);
  Object.assign(kernels, { own, stock });
});

afterAll(async () => {
  await Promise.all(Object.values(kernels).map((kernel) => kernel.shutdown()));
});

describe("in a cell", () => {
  it.each(["own", "stock"])("show() displays richly in the middle of the cell (%s tslab)", async (name) => {
    const { status, outputs } = await kernels[name]!.execute(cell);
    expect(status).toBe("ok");
    const [shown] = outputs;
    expect(shown).toMatchObject({ output_type: "display_data" });
    const { data } = shown as unknown as { data: Record<string, string | string[]> };
    expect(Object.keys(data).sort()).toEqual(["text/html", "text/plain"]);
    expect([data["text/html"]].flat().join("")).toContain("In the middle</caption>");
  });

  it("stock tslab prints the last expression as text, the project's kernel shows it", async () => {
    const last = async (name: string) =>
      JSON.stringify((await kernels[name]!.execute(cell)).outputs.slice(1));
    expect(await last("stock")).toContain("level 4");
    expect(await last("stock")).not.toContain("<img");
    expect(await last("own")).toContain("<img");
  });
});
