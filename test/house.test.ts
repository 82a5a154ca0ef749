/**
 * The rules of the house that a machine can check: which folder may import which, how long files and functions may
 * get, what stands at the top, what the compiled library offers to notebooks.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { ENTRIES, inRepository } from "../lib/course/paths.js";

const root = inRepository();
/** What git has, or would have after `git add`. */
const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\0")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const libFiles = tracked.filter((file) => /^lib\/.*\.ts$/.test(file));
const sources = new Map(libFiles.map((file) => [file, parse(file)]));

function parse(file: string): ts.SourceFile {
  const text = readFileSync(join(root, file), "utf8");
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
}

/** The files of lib that a file imports; with `types`, also those it takes only types from. */
function importsOf(file: string, types: boolean): string[] {
  return sources.get(file)!.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const from = statement.moduleSpecifier;
    if (from === undefined || !ts.isStringLiteral(from) || !from.text.startsWith(".")) return [];
    if (!types && isTypeOnly(statement)) return [];
    return [join(dirname(file), from.text).replace(/\.js$/, ".ts")];
  });
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  const clause = statement.importClause;
  if (clause === undefined) return false;
  const names = clause.namedBindings;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  return (
    !clause.name && !!names && ts.isNamedImports(names) && names.elements.every((name) => name.isTypeOnly)
  );
}

describe("imports", () => {
  const order = ["hw", "mm", "fs", "kernel", "procfs", "view", "replay", "course"];

  it("go one way: hw <- mm <- fs <- kernel <- procfs <- view <- replay <- course", () => {
    const wrong = libFiles.flatMap((file) => {
      const layer = order.indexOf(file.split("/")[1]!);
      if (layer < 0) return [];
      const upwards = importsOf(file, true).filter((to) => order.indexOf(to.split("/")[1]!) > layer);
      return upwards.map((to) => `${file} imports ${to}`);
    });
    expect(wrong).toEqual([]);
  });

  it("of replacement policies are of hw only; pictures, the bench and the course may import them, the machine never", () => {
    const wrong = libFiles.flatMap((file) =>
      importsOf(file, true)
        .filter((to) => {
          const [from, into] = [file.split("/")[1]!, to.split("/")[1]!];
          if (from === "policies") return !["policies", "hw"].includes(into);
          return into === "policies" && !["view", "bench", "course", "index.ts"].includes(from);
        })
        .map((to) => `${file} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it("are of the file itself, never of what notebooks and exercises import", () => {
    const entries = [...ENTRIES.values()].map((file) => `lib/${file}`);
    const wrong = libFiles.filter((file) => importsOf(file, true).some((to) => entries.includes(to)));
    expect(wrong).toEqual([]);
  });

  it("form no cycle", () => {
    expect(cycles((file) => importsOf(file, false))).toEqual([]);
  });

  it("tie few files to each other even by their types: circles may shrink, never grow", () => {
    const sizes = circles((file) => importsOf(file, true)).map((circle) => circle.length);
    expect(Math.max(...sizes), "files of the largest circle").toBeLessThanOrEqual(9);
    expect(sizes.length, "circles in all").toBeLessThanOrEqual(5);
  });

  it("do not hide inside functions in the layers of the machine", () => {
    const machine = /^lib\/(hw|mm|fs|kernel|procfs|policies|view|replay)\//;
    const hidden = libFiles.filter((file) => machine.test(file) && /\bimport\(/.test(codeOf(file)));
    expect(hidden).toEqual([]);
  });
});

/** The text of a file without its comments. */
function codeOf(file: string): string {
  return sources
    .get(file)!
    .text.replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
}

/** Sets of files that can all be reached from each other, by Tarjan's algorithm. */
function circles(next: (file: string) => string[]): string[][] {
  const found: string[][] = [];
  const number = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    number.set(file, number.size);
    low.set(file, number.get(file)!);
    stack.push(file);
    for (const to of next(file).filter((one) => sources.has(one))) {
      if (!number.has(to)) visit(to);
      else if (!stack.includes(to)) continue;
      low.set(file, Math.min(low.get(file)!, low.get(to)!));
    }
    if (low.get(file) !== number.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) found.push(circle);
  };
  for (const file of libFiles) if (!number.has(file)) visit(file);
  return found;
}

describe("comments", () => {
  it("cite only files that exist: of the same folder by name, others by their path in lib", () => {
    const wrong = libFiles.flatMap((file) => {
      const comments = sources.get(file)!.text.match(/\/\*\*[\s\S]*?\*\//g) ?? [];
      const cited = comments.flatMap(
        (text) => text.match(/(?<![\w./-])(?:[\w.-]+\/)*[a-z_0-9]+\.ts\b/g) ?? [],
      );
      const there = (name: string): boolean =>
        /^(mine|NAME)\.ts$/.test(name) ||
        [join(dirname(file), name), join("lib", name), name].some((path) => existsSync(join(root, path)));
      return cited.filter((name) => !there(name)).map((name) => `${file} cites ${name}`);
    });
    expect(wrong).toEqual([]);
  });
});

describe("chapters", () => {
  it("of memory management each have a README that names every file in it", () => {
    const mm = libFiles.filter((file) => /^lib\/mm\/\w+\/\w+\.ts$/.test(file));
    const missing = mm.filter((file) => {
      const readme = join(root, dirname(file), "README.md");
      return !existsSync(readme) || !readFileSync(readme, "utf8").includes(`\`${file.split("/").pop()}\``);
    });
    expect(missing).toEqual([]);
  });

  it("have small cases for each file that does anything, in a test of its name", () => {
    const active = libFiles.filter(
      (file) => file.startsWith("lib/mm/") && sources.get(file)!.statements.some(does),
    );
    const testOf = (file: string): string => file.replace("lib/", "test/").replace(/\.ts$/, ".test.ts");
    const untested = active.filter((file) => !existsSync(join(root, testOf(file))));
    expect(untested).toEqual([]);
  });

  /** Whether it is a function or a class with methods that others can call. */
  function does(statement: ts.Statement): boolean {
    if (ts.isClassDeclaration(statement)) return statement.members.some(ts.isMethodDeclaration);
    const modifiers = ts.isFunctionDeclaration(statement) ? ts.getModifiers(statement) : undefined;
    return modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false;
  }
});

/** Every cycle that a walk along the imports meets, as "a -> b -> a". */
function cycles(next: (file: string) => string[]): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file) || !sources.has(file)) return;
    for (const to of next(file)) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of libFiles) visit(file, []);
  return found;
}

describe("sizes", () => {
  const lengths = libFiles.flatMap((file) => functionLengths(sources.get(file)!));

  it("keep every file of lib under 450 lines", () => {
    const long = libFiles.map((file) => ({ file, lines: sources.get(file)!.text.split("\n").length - 1 }));
    expect(long.filter(({ lines }) => lines >= 450)).toEqual([]);
  });

  it("keep every function of lib under 60 lines", () => {
    expect(lengths.filter(({ lines }) => lines >= 60)).toEqual([]);
  });

  it("keep half of all functions under 12 lines", () => {
    const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(12);
  });
});

describe("widths", () => {
  const { lineWidth } = (JSON.parse(readFileSync(join(root, "biome.json"), "utf8")) as BiomeSettings)
    .formatter;
  const wide = libFiles.flatMap((file) => wideLines(sources.get(file)!, lineWidth));

  it("keep every line of code within the formatter's, but for texts, which it does not break", () => {
    expect(wide.filter(({ kind }) => kind === "code")).toEqual([]);
  });

  it("keep pictures and tables in comments within 130 columns", () => {
    expect(wide.filter(({ kind, columns }) => kind === "picture" && columns > 130)).toEqual([]);
  });

  it("keep the words of comments within the formatter's: wide ones may get fewer, never more", () => {
    const words = wide.filter(({ kind }) => kind === "words");
    expect(words.length, JSON.stringify(words.slice(-20), null, 1)).toBeLessThanOrEqual(28);
  });
});

interface BiomeSettings {
  readonly formatter: { readonly lineWidth: number };
}

interface WideLine {
  readonly where: string;
  readonly columns: number;
  /** Indented lines of a comment are a picture or a table; its other lines are words. */
  readonly kind: "code" | "picture" | "words";
}

/** The lines of `source` that are wider than `width`; not those that only a text or a rule's name makes so wide. */
function wideLines(source: ts.SourceFile, width: number): WideLine[] {
  const inText = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateExpression(node) ||
      ts.isRegularExpressionLiteral(node)
    ) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.end);
      for (let line = first; line < last.line; line++) inText.add(line);
      // The formatter leaves a text and the bracket behind it on one line.
      if (last.character > width - 10) inText.add(last.line);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return source.text.split("\n").flatMap((text, line) => {
    if (text.length <= width || inText.has(line) || /^\s*\/\/ biome-ignore /.test(text)) return [];
    const comment = /^\s*(?:\/\*\*?|\*|\/\/)( *)/.exec(text);
    const kind = comment === null ? "code" : comment[1]!.length > 1 ? "picture" : "words";
    return [{ where: `${source.fileName}:${line + 1}`, columns: text.length, kind }];
  });
}

function functionLengths(source: ts.SourceFile): { where: string; lines: number }[] {
  const lengths: { where: string; lines: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined && !ts.isArrowFunction(node)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.end).line;
      const name = node.name?.getText(source) ?? "(anonymous)";
      lengths.push({ where: `${source.fileName}:${first + 1} ${name}`, lines: last - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lengths;
}

describe("the top of the repository", () => {
  it("holds what the design names, and nothing else", () => {
    const known =
      /^(package(-lock)?\.json|tsconfig\.json|vitest\.config\.ts|biome\.json|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|notebooks|lib|exercises|solutions|test|\.ci|\.gitignore|\.npmrc)$/;
    const top = new Set(tracked.map((file) => file.split("/")[0]!));
    expect([...top].filter((name) => !known.test(name))).toEqual([]);
  });
});

describe("the compiled library", () => {
  const declarations = libFiles.map((file) => file.replace(/^lib\/(.*)\.ts$/, "lib/dist/$1.d.ts"));
  const entries = [...ENTRIES.values()].map((file) => join(root, "lib/dist", file.replace(/\.ts$/, ".d.ts")));
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: ["node"],
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();

  it("names no Uint8Array<ArrayBuffer>, which tslab's TypeScript 5.0 takes for any", () => {
    expect(declarations.length).toBeGreaterThan(10);
    const wrong = declarations.filter((file) =>
      /Array<ArrayBuffer/.test(readFileSync(join(root, file), "utf8")),
    );
    expect(wrong).toEqual([]);
  });

  it("has no top-level await, which would break require", () => {
    const wrong = libFiles.filter(
      (file) =>
        sources
          .get(file)!
          .statements.some((statement) => ts.isForOfStatement(statement) && statement.awaitModifier) ||
        /^(export const \w+ = |const \w+ = )?await /m.test(sources.get(file)!.text),
    );
    expect(wrong).toEqual([]);
  });

  it("exports every type that can be reached from what it exports (else a cell fails with TS4023)", () => {
    expect(unexportedTypes()).toEqual([]);
  });

  it("exports each thing from one place only: pagewalk or pagewalk/kernel", () => {
    const [outside, inside] = entries.map((entry) => new Set(exportsOf(entry).map(original)));
    expect([...inside!].filter((symbol) => outside!.has(symbol)).map(({ name }) => name)).toEqual([]);
  });

  it("is found under the names that notebooks use, by Node and by tslab's TypeScript alike", () => {
    const manifest = JSON.parse(readFileSync(join(root, "lib/package.json"), "utf8"));
    for (const [name, file] of ENTRIES) {
      const [js, types] = [".js", ".d.ts"].map((end) => `./dist/${file.replace(/\.ts$/, end)}`);
      const path = name.replace("pagewalk", ".");
      expect(manifest.exports[path]).toEqual({ types, default: js });
      if (path === ".") expect([manifest.main, manifest.types]).toEqual([js, types]);
      else expect(manifest.typesVersions["*"][path.slice(2)]).toEqual([types]);
    }
  });

  function exportsOf(entry: string): ts.Symbol[] {
    return checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!);
  }

  /** Types of lib that the declarations of exported things mention, but that neither entry exports. */
  function unexportedTypes(): string[] {
    const exported = new Set(entries.flatMap(exportsOf).map(original));
    const reached = new Set(exported);
    const missing = new Set<string>();
    for (const symbol of reached) {
      for (const declaration of symbol.declarations ?? []) {
        for (const mentioned of typesMentioned(declaration)) {
          if (!isOwn(mentioned)) continue;
          if (!exported.has(mentioned))
            missing.add(`${mentioned.name}, mentioned by ${symbol.name} (${whereIs(mentioned)})`);
          reached.add(mentioned);
        }
      }
    }
    return [...missing].sort();
  }

  function original(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }

  function typesMentioned(declaration: ts.Node): ts.Symbol[] {
    const found: ts.Symbol[] = [];
    const visit = (node: ts.Node): void => {
      const name = nameOfReference(node);
      const symbol = name && checker.getSymbolAtLocation(name);
      if (symbol) found.push(original(symbol));
      ts.forEachChild(node, visit);
    };
    visit(declaration);
    return found;
  }

  function nameOfReference(node: ts.Node): ts.Node | undefined {
    if (ts.isTypeReferenceNode(node)) return node.typeName;
    if (ts.isExpressionWithTypeArguments(node)) return node.expression;
    return ts.isImportTypeNode(node) ? node.qualifier : undefined;
  }

  function isOwn(symbol: ts.Symbol): boolean {
    const isTypeParameter = symbol.flags & ts.SymbolFlags.TypeParameter;
    return !isTypeParameter && whereIs(symbol).startsWith("lib/dist/");
  }

  function whereIs(symbol: ts.Symbol): string {
    const file = symbol.declarations?.[0]?.getSourceFile().fileName;
    return file === undefined ? "" : relative(root, resolve(file));
  }
});

describe("notebooks", () => {
  it("are kept without outputs", () => {
    const withOutputs = tracked.filter(
      (file) =>
        file.endsWith(".ipynb") &&
        /"output_type"|"execution_count": \d/.test(readFileSync(join(root, file), "utf8")),
    );
    expect(withOutputs).toEqual([]);
  });
});
