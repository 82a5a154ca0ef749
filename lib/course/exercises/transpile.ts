/**
 * From a learner's TypeScript to JavaScript, and syntax errors with file, line and caret.
 * TypeScript is loaded at the first use only: it takes 200 ms, and most runs need it not at all.
 */

import { createRequire } from "node:module";
import type ts from "typescript";

let loaded: typeof ts | undefined;

/** TypeScript, loaded at its first use. Not in Linux: a helper of the course. */
export function typescript(): typeof ts {
  loaded ??= createRequire(import.meta.url)("typescript") as typeof ts;
  return loaded;
}

/**
 * `text` as a CommonJS module with an inline source map, and what is wrong with its syntax, told with
 * `shortName`. Not in Linux: a helper of the course.
 */
export function transpile(
  text: string,
  fileName: string,
  shortName = fileName,
): { code: string; errors: string[] } {
  const { ModuleKind, ScriptTarget, transpileModule } = typescript();
  const { outputText, diagnostics = [] } = transpileModule(text, {
    fileName,
    reportDiagnostics: true,
    compilerOptions: {
      module: ModuleKind.CommonJS,
      target: ScriptTarget.ES2022,
      esModuleInterop: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
  });
  return {
    code: outputText,
    errors: firstOnEachLine(diagnostics, text).map((diagnostic) => describe(diagnostic, text, shortName)),
  };
}

/**
 * The syntax errors of `text`, each with place, the line and a caret under the spot.
 * Not in Linux: a helper of the course.
 */
export function syntaxErrors(text: string, fileName: string): string[] {
  return transpile(text, fileName).errors;
}

const MAX_ERRORS = 3;

/** One mistake often causes several messages on its line; the first one says most. */
function firstOnEachLine(diagnostics: readonly ts.Diagnostic[], text: string): ts.Diagnostic[] {
  const lineOf = ({ start = 0 }: ts.Diagnostic) => text.slice(0, start).split("\n").length;
  const lines = diagnostics.map(lineOf);
  return diagnostics.filter((_, at) => lines.indexOf(lines[at]!) === at).slice(0, MAX_ERRORS);
}

function describe(diagnostic: ts.Diagnostic, text: string, fileName: string): string {
  const message = typescript().flattenDiagnosticMessageText(diagnostic.messageText, "\n");
  const before = text.slice(0, diagnostic.start ?? 0).split("\n");
  const column = before.at(-1)!.length;
  const line = (text.split("\n")[before.length - 1] ?? "").replaceAll("\t", " ");
  const number = String(before.length);
  return [
    `${fileName}:${number}:${column + 1}: syntax error: ${message}`,
    `  ${number} | ${line}`,
    `  ${" ".repeat(number.length)} | ${" ".repeat(column)}^`,
  ].join("\n");
}
