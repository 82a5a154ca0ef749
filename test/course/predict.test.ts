import { describe, expect, it } from "vitest";
import { predict, seal } from "../../lib/course/predict.js";

const QUESTION = "How many frames hold tables when one page is mapped?";

describe("predict", () => {
  it("only asks while there is no answer", () => {
    const prediction = predict(QUESTION, undefined, seal(QUESTION, 4));
    expect(prediction.state).toBe("open");
    expect(String(prediction)).toContain("in place of `undefined`");
  });

  it.each([
    [4, 4, "right"],
    [4, 3, "wrong"],
    [0x1000, 4096, "right"],
    [10n, 10, "right"],
    ["The kernel", " the  kernel. ", "right"],
    ["yes", "no", "wrong"],
    [[1, 2], [1, 2], "right"],
    [[1, 2], [2, 1], "wrong"],
    [true, true, "right"],
    ["true", true, "right"],
    ["no", false, "right"],
    ["no", "yes", "wrong"],
    [true, "yes", "right"],
    [7, "0x7", "right"],
    [7, "0x8", "wrong"],
    [130, "130", "right"],
  ] as const)("where %s is right, %s is %s", (right, answer, state) => {
    expect(predict(QUESTION, answer, seal(QUESTION, right)).state).toBe(state);
  });

  it("takes any of several right answers", () => {
    const seals = `${seal(QUESTION, "yes")} ${seal(QUESTION, true)}`;
    expect(predict(QUESTION, "yes", seals).state).toBe("right");
    expect(predict(QUESTION, true, seals).state).toBe("right");
    expect(predict(QUESTION, "no", seals).state).toBe("wrong");
  });

  it("seals the same answer differently for another question", () => {
    expect(seal("One?", 4)).not.toBe(seal("Two?", 4));
    expect(seal("One?", 4)).toMatch(/^[\w-]{8}$/);
  });

  it("does not show the answer before it is given, and shows it as HTML safely", () => {
    const prediction = predict("Is `a < b`?", "<b>", seal("Is `a < b`?", "yes"));
    const bundle = prediction[Symbol.for("Jupyter.display") as never] as unknown as () => Record<
      string,
      string
    >;
    const html = bundle.call(prediction)["text/html"]!;
    expect(html).toContain("<code>a &lt; b</code>");
    expect(html).toContain("&lt;b&gt;");
    expect(html).not.toContain("yes");
  });

  it("refuses to ask nothing", () => {
    expect(() => predict("", 1, "x")).toThrow(TypeError);
    expect(() => predict(QUESTION, 1, "")).toThrow(TypeError);
  });
});
