/** What a submission may import, and what only looks like an import. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { usesOf } from "../../../lib/course/code.js";
import { allLabs } from "../../../lib/course/exercises/labs.js";
import { findForbidden } from "../../../lib/course/grading/scan.js";

const OWN = 'import { boot } from "pagewalk";\n';

describe("a submission is refused", () => {
  it.each([
    ['import { readFileSync } from "node:fs";', 'import of "node:fs"'],
    ["import { readFileSync } from 'node:fs';", 'import of "node:fs"'],
    ['import{readFileSync}from"node:fs";', 'import of "node:fs"'],
    ['import fs from "fs";', 'import of "fs"'],
    ['import fs, { rmSync } from "fs";', 'import of "fs"'],
    ['import * as fs from "fs";', 'import of "fs"'],
    ['import "vitest";', 'import of "vitest"'],
    ['import type { Stats } from "node:fs";', 'import of "node:fs"'],
    ['import { type Stats } from "node:fs";', 'import of "node:fs"'],
    ['import data from "./x.json" with { type: "json" };', 'import of "./x.json"'],
    ['import { a } from "pagewalk/other";', 'import of "pagewalk/other"'],
    ['import { a } from "pagewalk/kernel/more";', 'import of "pagewalk/kernel/more"'],
    ['import { a } from "\\u0066s";', 'import of "fs"'],
    ['export * from "node:fs";', 'import of "node:fs"'],
    ['export * as fs from "node:fs";', 'import of "node:fs"'],
    ['export { rmSync } from "node:fs";', 'import of "node:fs"'],
    ['export type { Stats } from "node:fs";', 'import of "node:fs"'],
    ['import\n/* a comment */ { a }\nfrom\n"x";', 'import of "x"'],
    ['void import("node:fs");', "import(...)"],
    ["void import(`node:fs`);", "import(...)"],
    ['void import("node" + ":fs");', "import(...)"],
    ['void import("pagewalk");', "import(...)"],
    ["async function f(name: string) { return await import /* why */ (name); }", "import(...)"],
    ['let s: import("node:fs").Stats;', "import(...)"],
    ['let s: typeof import("node:fs");', "import(...)"],
    [`const text = \`a \${await import(name)} b\`;`, "import(...)"],
    ["console.log(import.meta.url);", "import.meta"],
    ["import . meta . url;", "import.meta"],
    ['import fs = require("fs");', "require(...)"],
    ['import own = require("pagewalk");', "require(...)"],
    ['export import fs = require("fs");', "require(...)"],
    ['const fs = require("fs");', "require(...)"],
    ['const fs = (require as any)("fs");', "require(...)"],
    ["const load = require;", "require(...)"],
    ["const o = { require };", "require(...)"],
    ["const o = { require: require };", "require(...)"],
    ['(module as any).require("fs");', "require(...)"],
    ['(module as any)["require"]("fs");', "require(...)"],
    ['requ\\u0069re("fs");', "require(...)"],
    ['process.getBuiltinModule("fs");', "process.getBuiltinModule"],
    ['(process as any)["getBuiltinModule"]("fs");', "process.getBuiltinModule"],
    ["const { getBuiltinModule } = process;", "process.getBuiltinModule"],
    ['const key = "getBuiltinModule";', "process.getBuiltinModule"],
    ['process.binding("fs");', "process.binding"],
    ['process . binding("fs");', "process.binding"],
    ['process?.binding("fs");', "process.binding"],
    ['(process as any).binding("fs");', "process.binding"],
    ['globalThis.process["_linkedBinding"]("fs");', "process._linkedBinding"],
    ['process.dlopen(module, "x");', "process.dlopen"],
    ["eval('import(\"node:fs\")');", "import or require in a text that becomes code"],
    ["new Function(\"return require('fs')\")();", "import or require in a text that becomes code"],
    ['/*\nimport { */ void import(name) /* } from "pagewalk";\n*/', "import(...)"],
  ])("for %s", (code, what) => {
    for (const [before, lines] of [
      [OWN, 1],
      [`${OWN}/** a\n * b */\n`, 3],
      ["", 0],
    ] as const) {
      const found = findForbidden(`${before}${code}\n`);
      expect(found?.what).toBe(what);
      expect(found!.line).toBeGreaterThan(lines);
      expect(found!.line).toBeLessThanOrEqual(lines + code.split("\n").length);
    }
  });

  it("with its first line", () => {
    expect(
      findForbidden(`${OWN}\n// import "x"\nconst s = 'import "y"';\nimport "z";\nimport "w";\n`),
    ).toEqual({
      line: 5,
      what: 'import of "z"',
    });
  });

  it("when it is nested deeper than a parser can go", () => {
    expect(findForbidden(`import "x"; ${"(".repeat(200_000)}`)?.what).toMatch(/import of "x"|nested deeper/);
  });
});

describe("a submission is not refused", () => {
  it.each([
    '// import "node:fs"',
    '/* import { a } from "node:fs"; require("fs"); import("x") */',
    '/** @import { Stats } from "node:fs" */',
    "const help = 'import(\"x\")';",
    "throw new Error('did you mean from \"a\"?');",
    'const text = "require(1) import.meta process.binding";',
    `const text = \`import("x") \${1 + 1} from "a" \${2} require("b")\`;`,
    'const pattern = /import("x")|from "a"|require\\(/;',
    "const from = 1; const x = { from, import: 2, require: 3 };",
    'const range = { from: "a", to: "b" };',
    "interface Options { require: boolean }",
    "const s = options.import; options.from;",
    'import {\n  boot,\n  type Machine,\n} from "pagewalk";',
    'import { allocPages, type VmFault } from "pagewalk/kernel";',
    'import * as pagewalk from "pagewalk";',
    'import type { Machine } from "pagewalk";',
    'export { boot } from "pagewalk";',
    "let f: Function; function evaluate() {} const a = x instanceof Function;",
    'const name = "binding"; myProcess.bindings();',
  ])("for %s", (code) => {
    expect(findForbidden(`${OWN}${code}\n`)).toBeUndefined();
    // Also where a look at the words alone does not tell.
    expect(findForbidden(`${code}\n// import require \\u`)).toBeUndefined();
  });

  it("for any text in a comment, a string or a template", () => {
    const word = fc.constantFrom(
      'import("x")',
      ' from "a"',
      "require('x')",
      "import.meta",
      'import "y"',
      "process.binding",
      " ",
      "x",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const text = words.join("");
        const code = `/* ${text} */\nconst a = ${JSON.stringify(text)};\nconst b = \`${text}\`; // ${text}\n`;
        expect(findForbidden(code)).toBeUndefined();
        expect(findForbidden(`${code}import "z";`)).toEqual({ line: 4, what: 'import of "z"' });
      }),
      { seed: 1 },
    );
  });

  it("for the solutions and the exercises of every lab", () => {
    for (const lab of allLabs())
      for (const file of [lab.master, lab.exercises])
        expect(findForbidden(readFileSync(file, "utf8")), file).toBeUndefined();
  });
});

describe("the uses of a piece of code", () => {
  it("come in the order of the text, with their lines", () => {
    const uses = usesOf('import "a";\nexport * from "b";\na["b"]?.c!.d;\n"text";');
    expect(
      uses.filter(({ kind }) => kind !== "property").map(({ kind, name, line }) => [kind, name, line]),
    ).toEqual([
      ["import", "a", 1],
      ["import", "b", 2],
      ["text", "b", 3],
      ["text", "text", 4],
    ]);
    expect(uses.filter(({ kind }) => kind === "property").map(({ name }) => name)).toContain("a.b.c.d");
  });
});

it("says of a name from the wrong door where it is, and of a forbidden import first", () => {
  expect(findForbidden('import { doWpPage } from "pagewalk";\n')).toEqual({
    line: 1,
    what: "doWpPage",
    advice: 'is not in "pagewalk"; import it from "pagewalk/kernel"',
  });
  const both = 'import { doWpPage } from "pagewalk";\nimport "node:fs";\n';
  expect(findForbidden(both)).toEqual({ line: 2, what: 'import of "node:fs"' });
});
