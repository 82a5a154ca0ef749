/**
 * What a file of lib exports is used by another file: of lib, of the tests, of an exercise or its solution, or it is offered to
 * notebooks by one of the two entries. What only its own file uses is not exported, and what nobody uses is not there.
 *
 * Constants of the machine in capitals may be exported without a user: a list of flags is complete, as a processor's or a kernel's is.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { ENTRIES, inRepository } from "../lib/course/paths.js";

const root = inRepository();
const sources = new Map(
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.mjs"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((file) => file !== "" && existsSync(join(root, file)))
    .map((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return [file, ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)];
    }),
);
const entries = [...ENTRIES.values()].map((file) => `lib/${file}`);

/** Loaded by the path that a setting gives: exported for vitest. */
const LOADED_BY_PATH = ["lib/course/grading/runner.ts"];
const MACHINE_FLAG = /^lib\/(hw|mm|fs|kernel|procfs)\/.*:([A-Z_][A-Z\d_]+|PG(TY)?_\w+)$/;
/** What one implements rather than calls. */
const FOR_IMPLEMENTERS = ["lib/mm/pgtable/pagewalk.ts:MmWalkOps"];

/** The file of lib that `specifier` means in `file`, or undefined. */
function fileOf(file: string, specifier: string): string | undefined {
  const entry = ENTRIES.get(specifier);
  if (entry !== undefined) return `lib/${entry}`;
  if (!specifier.startsWith(".")) return undefined;
  return join(dirname(file), specifier)
    .replace(/^lib\/dist\//, "lib/")
    .replace(/\.js$/, ".ts");
}

/** Every "file:name" that `file` imports or passes on; "file:*" where it takes all of a file. */
function importsOf(file: string): string[] {
  const source = sources.get(file)!;
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    for (const [specifier, names] of importedBy(node, source)) {
      const from = fileOf(file, specifier);
      if (from !== undefined) found.push(...names.map((name) => `${from}:${name}`));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function importedBy(node: ts.Node, source: ts.SourceFile): [specifier: string, names: string[]][] {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const { moduleSpecifier } = node;
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return [];
    const names = ts.isExportDeclaration(node) ? node.exportClause : node.importClause?.namedBindings;
    if (names === undefined) return ts.isExportDeclaration(node) ? [[moduleSpecifier.text, ["*"]]] : [];
    if (ts.isNamespaceImport(names)) return [[moduleSpecifier.text, membersOf(names, source)]];
    if (ts.isNamespaceExport(names)) return [[moduleSpecifier.text, ["*"]]];
    return [[moduleSpecifier.text, names.elements.map((one) => (one.propertyName ?? one.name).text)]];
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [path] = node.arguments;
    return path !== undefined && ts.isStringLiteralLike(path) ? [[path.text, ["*"]]] : [];
  }
  if (!ts.isImportTypeNode(node) || !ts.isLiteralTypeNode(node.argument)) return [];
  return [[(node.argument.literal as ts.StringLiteral).text, [node.qualifier?.getText(source) ?? "*"]]];
}

/** What is taken from `import * as ns`: the members named, or all where `ns` itself is handed on. */
function membersOf({ name: { text } }: ts.NamespaceImport, source: ts.SourceFile): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === text && !ts.isNamespaceImport(node.parent)) {
      const { parent } = node;
      if (ts.isPropertyAccessExpression(parent)) names.push(parent.name.text);
      else if (ts.isQualifiedName(parent)) names.push(parent.right.text);
      else names.push("*");
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

function exportsOf(file: string): string[] {
  return sources.get(file)!.statements.flatMap((statement) => {
    if (!ts.canHaveModifiers(statement)) return [];
    if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.flatMap(({ name }) =>
        ts.isIdentifier(name)
          ? name.text
          : name.elements.flatMap((one) => ("name" in one ? one.name.getText() : [])),
      );
    const { name } = statement as ts.DeclarationStatement;
    return name === undefined ? [] : [name.text];
  });
}

describe("exports of lib", () => {
  it("are each used by another file, or offered to notebooks", () => {
    const used = new Set([...sources.keys()].flatMap(importsOf));
    const files = [...sources.keys()].filter((file) => /^lib\/.*\.ts$/.test(file) && !entries.includes(file));
    expect(files.length).toBeGreaterThan(300);
    const dead = files
      .filter((file) => !used.has(`${file}:*`) && !LOADED_BY_PATH.includes(file))
      .flatMap((file) => exportsOf(file).map((name) => `${file}:${name}`))
      .filter((one) => !used.has(one) && !MACHINE_FLAG.test(one) && !FOR_IMPLEMENTERS.includes(one));
    expect(dead).toEqual([]);
  });
});
