import { describe, expect, it } from "vitest";
import { mutantsOf } from "../../../lib/course/mutate/mutants.js";

/** A lab with one exercise whose answer is `body`. */
function labWith(body: string, before = ""): string {
  return `import { ENOMEM, EPERM, PAGE_RW, PAGE_USER } from "pagewalk";

${before}/** 09.1 Try. Answers. */
export function answer(a: number, b: number, name: string): number {
  // SOLUTION BEGIN
${body}
  // SOLUTION END
}
`;
}

/** The mutants of a body, without the exercise in front. */
function ids(body: string, before = ""): string[] {
  return mutantsOf(labWith(body, before)).map(({ id }) => id.replace(/^09\.1 /, ""));
}

describe("mutants", () => {
  it("come in order of place, from the whole statement to its smallest part", () => {
    expect(ids("  return a + 1;")).toEqual([
      "result: return [a + 1 => 0];",
      "result: return [a + 1 => undefined];",
      "arithmetic: return a [+ => -] 1;",
      "one side: return [a + 1 => a];",
      "one side: return [a + 1 => 1];",
      "neighbour: return [a => b] + 1;",
      "number: return a + [1 => 2];",
      "number: return a + [1 => 0];",
    ]);
  });

  it("are the whole file with one change", () => {
    const [first] = mutantsOf(labWith("  return a + 1;"));
    expect(first).toEqual({
      id: "09.1 result: return [a + 1 => 0];",
      task: "09.1",
      line: 6,
      text: labWith("  return 0;"),
    });
  });

  it("leave out, exchange and cut short statements", () => {
    const found = ids("  work(a);\n  rest(b);\n  return 0;");
    expect(found.slice(0, 6)).toEqual([
      "order: [work(a); rest(b); => rest(b); work(a);]",
      "early return: [ => return 0;]rest(b);",
      "drop: [work(a); => {}]",
      "neighbour: work([a => b]);",
      "drop: [rest(b); => {}]",
      "neighbour: rest([b => a]);",
    ]);
  });

  it("do not exchange a statement with a declaration or with a return", () => {
    expect(ids("  const c = a;\n  work();\n  return c;").filter((id) => id.startsWith("order"))).toEqual([]);
  });

  it("make conditions hold always, never, and the wrong way round", () => {
    expect(
      ids("  if (a < b) return 1;\n  return name ? 2 : 3;").filter(
        (id) => !/number|neighbour|early/.test(id),
      ),
    ).toEqual([
      "condition: if ([a < b => true]) return 1;",
      "condition: if ([a < b => false]) return 1;",
      "compare: if (a [< => <=] b) return 1;",
      "compare: if (a [< => >=] b) return 1;",
      "result: return [name ? 2 : 3 => 0];",
      "result: return [name ? 2 : 3 => undefined];",
      "condition: return [name => true] ? 2 : 3;",
      "condition: return [name => false] ? 2 : 3;",
      "condition: return [name => !(name)] ? 2 : 3;",
    ]);
  });

  it("take a call's argument for its result, and exchange and forget arguments", () => {
    expect(ids("  const c = call(1, b);").filter((id) => /call|argument/.test(id.split(":")[0]!))).toEqual([
      "call: const c = [call(1, b) => (1)];",
      "call: const c = [call(1, b) => (b)];",
      "argument: const c = call([1, b => b, 1]);",
      "argument: const c = call(1[, b => ]);",
    ]);
  });

  it("exchange flags and error numbers within their family", () => {
    expect(ids("  return PAGE_RW | -ENOMEM;").filter((id) => id.startsWith("constant"))).toEqual([
      "constant: return [PAGE_RW => PAGE_USER] | -ENOMEM;",
      "constant: return [PAGE_RW => 0] | -ENOMEM;",
      "constant: return PAGE_RW | -[ENOMEM => EPERM];",
      "constant: return PAGE_RW | -[ENOMEM => 0];",
    ]);
  });

  it("round otherwise, flip booleans, forget properties, empty words", () => {
    const found = ids('  use({ fixed: true, name: "x" }, Math.floor(a));');
    for (const id of [
      'word: use({ fixed: [true => false], name: "x" }, Math.floor(a));',
      'word: use({ fixed: true, name: ["x" => ""] }, Math.floor(a));',
      'element: use({ [fixed: true, => ] name: "x" }, Math.floor(a));',
      'relative: use({ fixed: true, name: "x" }, [Math.floor => Math.ceil](a));',
      'relative: use({ fixed: true, name: "x" }, [Math.floor => Math.round](a));',
      'call: use({ fixed: true, name: "x" }, [Math.floor(a) => (a)]);',
    ])
      expect(found).toContain(id);
  });

  it("stay out of types, of declarations, and of what is given to the learner", () => {
    const given = "export const LIMIT = 5;\n\n";
    expect(ids("  const list: Array<1 | 2> = [];\n  return list as never as 7;", given)).toEqual([
      "result: return [list as never as 7 => 0];",
      "result: return [list as never as 7 => undefined];",
    ]);
  });

  it("are each a file that differs from all others", () => {
    const texts = mutantsOf(labWith("  return (a & b) !== 0 ? a : b;")).map(({ text }) => text);
    expect(new Set(texts).size).toBe(texts.length);
    expect(texts).not.toContain(labWith("  return (a & b) !== 0 ? a : b;"));
  });

  it("of a helper in column 0 belong to the exercise before it", () => {
    const helper =
      "// SOLUTION BEGIN\nfunction half(x: number): number {\n  return x / 2;\n}\n// SOLUTION END\n";
    const found = mutantsOf(`${labWith("  return half(a);")}\n${helper}`);
    expect(found.at(-1)).toMatchObject({ task: "09.1", id: "09.1 number: return x / [2 => 1];" });
  });
});

describe("ids", () => {
  it("stay the same when other lines change", () => {
    const [before, after] = ["", "  // a remark\n  first();\n"].map((lines) =>
      ids(`${lines}  return a * 3;`),
    );
    expect(after).toEqual(expect.arrayContaining(before!.filter((id) => id.includes("return a"))));
  });

  it("are numbered where a line occurs more than once", () => {
    const drops = ids("  put(a);\n  put(a);").filter((id) => id.startsWith("drop"));
    expect(drops).toEqual(["drop: [put(a); => {}]", "drop: [put(a); => {}] (2)"]);
  });

  it("name long pieces by their beginning and end", () => {
    const long = `work(${"a + ".repeat(40)}b)`;
    const [drop] = ids(`  ${long};`).filter((id) => id.startsWith("drop"));
    expect(drop!.length).toBeLessThan(110);
    expect(drop).toMatch(/^drop: \[work\(a \+ .* \.\.\. .*\+ b\); => \{\}\]$/);
  });
});
