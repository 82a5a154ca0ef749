/**
 * What TypeScript code says, read from its syntax tree: which modules it imports, which names it uses. The
 * same words in a string or a comment say nothing, so they are not found by searching the text.
 *
 *     // import "node:fs"                           nothing
 *     const help = 'import("node:fs")';             nothing
 *     import { x as y } from "pagewalk";            import of "pagewalk", line 3
 *     type T = import("node:fs").Stats;             import(...), line 4
 *
 * Read next: course/grading/scan.ts, which says what an exercise may not import; course/notebooks/check.ts,
 * what a notebook may not use.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import type ts from "typescript";
import { typescript } from "./exercises/transpile.js";

/** Something that a piece of code does, and where. */
export interface Use {
  /** Its place in the text, and the line, from 1. */
  at: number;
  line: number;
  kind: "import" | "dynamic import" | "import.meta" | "require" | "property" | "new" | "text" | "eval";
  /**
   * The module of an import, the names of a property ("process.binding"), the class of a `new`, a string's
   * text; else empty.
   */
  name: string;
}

/**
 * Everything that `text` imports, every property chain ("process.exit") and every string in it, in order.
 * Not in Linux: a helper of the course.
 */
export function usesOf(text: string): Use[] {
  const tsc = typescript();
  const source = tsc.createSourceFile("code.ts", text, tsc.ScriptTarget.ES2022, false, tsc.ScriptKind.TS);
  const uses: Use[] = [];
  // Without recursion: code may be nested deeper than the stack.
  const open: { node: ts.Node; parent: ts.Node | undefined }[] = [{ node: source, parent: undefined }];
  while (open.length > 0) {
    const { node, parent } = open.pop()!;
    for (const { kind, name } of usesOfNode(tsc, node, parent)) {
      const at = node.getStart(source);
      uses.push({ at, line: source.getLineAndCharacterOfPosition(at).line + 1, kind, name });
    }
    tsc.forEachChild(node, (child) => {
      open.push({ node: child, parent: node });
    });
  }
  return uses.sort((a, b) => a.at - b.at);
}

type Found = Pick<Use, "kind" | "name">;

function usesOfNode(tsc: typeof ts, node: ts.Node, parent: ts.Node | undefined): Found[] {
  if (tsc.isImportDeclaration(node) || tsc.isExportDeclaration(node)) {
    const { moduleSpecifier } = node;
    if (moduleSpecifier === undefined) return [];
    return [{ kind: "import", name: tsc.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : "" }];
  }
  if (tsc.isExternalModuleReference(node)) return [{ kind: "require", name: "" }];
  if (tsc.isImportTypeNode(node) || node.kind === tsc.SyntaxKind.ImportKeyword)
    return [{ kind: "dynamic import", name: "" }];
  if (tsc.isMetaProperty(node) && node.keywordToken === tsc.SyntaxKind.ImportKeyword)
    return [{ kind: "import.meta", name: "" }];
  if (tsc.isNewExpression(node) && tsc.isIdentifier(node.expression))
    return [{ kind: "new", name: node.expression.text }];
  if (tsc.isIdentifier(node)) return usesOfName(tsc, node, parent);
  if (tsc.isPropertyAccessExpression(node) || tsc.isElementAccessExpression(node)) {
    const name = chainOf(tsc, node);
    return name === undefined ? [] : [{ kind: "property", name }];
  }
  if (tsc.isStringLiteralLike(node) || tsc.isTemplateHead(node) || tsc.isTemplateMiddleOrTemplateTail(node)) {
    const isSpecifier =
      parent !== undefined && (tsc.isImportDeclaration(parent) || tsc.isExportDeclaration(parent));
    return isSpecifier ? [] : [{ kind: "text", name: node.text }];
  }
  return [];
}

/**
 * `require`, however it is reached, but not where it is only the name of a field; and what makes code of a
 * text.
 */
function usesOfName(tsc: typeof ts, node: ts.Identifier, parent: ts.Node | undefined): Found[] {
  const { text } = node;
  if (text === "eval" || text === "Function")
    return parent !== undefined && tsc.isTypeReferenceNode(parent) ? [] : [{ kind: "eval", name: text }];
  if (text === "getBuiltinModule") return [{ kind: "property", name: text }];
  if (text !== "require") return [];
  const isField =
    parent !== undefined &&
    (tsc.isPropertyAssignment(parent) ||
      tsc.isPropertySignature(parent) ||
      tsc.isPropertyDeclaration(parent));
  return isField && parent.name === node ? [] : [{ kind: "require", name: "" }];
}

/**
 * "a.b.c" of the innermost names, also where it is written a["b"]?.c or (a as any).b; undefined where a part
 * has no fixed name.
 */
function chainOf(tsc: typeof ts, node: ts.Expression): string | undefined {
  const names: string[] = [];
  let at = bare(tsc, node);
  while (tsc.isPropertyAccessExpression(at) || tsc.isElementAccessExpression(at)) {
    const name = tsc.isPropertyAccessExpression(at) ? at.name : bare(tsc, at.argumentExpression);
    if (tsc.isIdentifier(name) || tsc.isPrivateIdentifier(name)) {
      if (tsc.isElementAccessExpression(at)) return names.length > 0 ? names.join(".") : undefined;
      names.unshift(name.text);
    } else if (tsc.isStringLiteralLike(name)) names.unshift(name.text);
    else return names.length > 0 ? names.join(".") : undefined;
    at = bare(tsc, at.expression);
  }
  if (tsc.isIdentifier(at)) names.unshift(at.text);
  return names.join(".");
}

/** An expression without brackets and type assertions around it. */
function bare(tsc: typeof ts, node: ts.Expression): ts.Expression {
  let at = node;
  while (
    tsc.isParenthesizedExpression(at) ||
    tsc.isAsExpression(at) ||
    tsc.isNonNullExpression(at) ||
    tsc.isTypeAssertionExpression(at) ||
    tsc.isSatisfiesExpression(at)
  )
    at = at.expression;
  return at;
}
