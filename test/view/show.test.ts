import { createRequire } from "node:module";
import { afterEach, describe, expect, it, vi } from "vitest";
import "../../lib/course/kernel/rich_output.js";
import { isDisplayable, JUPYTER_DISPLAY, show } from "../../lib/view/show.js";
import { table } from "../../lib/view/table.js";

const require = createRequire(import.meta.url);

describe("show", () => {
  afterEach(() => vi.restoreAllMocks());

  it("prints the text of a displayable object outside tslab", () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    show(table([{ a: 1 }], { caption: "One" }));
    expect(log.mock.calls).toEqual([["One\na\n-\n1"]]);
  });

  it("prints anything else as console.log does", () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    show(7, { a: 1 });
    expect(log.mock.calls).toEqual([[7], [{ a: 1 }]]);
  });

  it("sends one message with every MIME type through the tslab that is loaded", () => {
    const sent: unknown[] = [];
    const jupyter = require("tslab/dist/jupyter.js") as { lastWriteDisplayData: unknown };
    jupyter.lastWriteDisplayData = (data: unknown, update: boolean) => sent.push([data, update]);
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      const t = table([{ a: 1 }], { caption: "One" });
      show(t);
      expect(sent).toEqual([[{ data: t[JUPYTER_DISPLAY](), metadata: {}, transient: {} }, false]]);
      expect(log).not.toHaveBeenCalled();
    } finally {
      jupyter.lastWriteDisplayData = null;
    }
  });

  it("knows what is displayable", () => {
    expect(isDisplayable(table([], { caption: "c" }))).toBe(true);
    expect(isDisplayable({ [Symbol.for("Jupyter.display")]: () => ({}) })).toBe(true);
    expect(isDisplayable(null)).toBe(false);
    expect(isDisplayable("text")).toBe(false);
  });
});
