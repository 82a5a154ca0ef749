/**
 * Mutation operators for statements: one is left out, two change places, a condition always or never holds, a
 * function ends early.
 *
 * Not in Linux: a tool of the course. Read first: operators.ts.
 */

import type TS from "typescript";
import { type Edit, type Operator, replace, swapped, ts } from "./operators.js";

const drop: Operator = {
  name: "drop",
  edits: (node) => {
    const mayGo =
      ts.isExpressionStatement(node) ||
      ts.isForOfStatement(node) ||
      ts.isContinueStatement(node) ||
      ts.isBreakStatement(node);
    return mayGo ? [replace(node, "{}")] : [];
  },
};

const condition: Operator = {
  name: "condition",
  edits: (node) => {
    if (ts.isIfStatement(node)) return always(node.expression);
    if (ts.isConditionalExpression(node)) return always(node.condition);
    if (ts.isWhileStatement(node)) return [replace(node.expression, "false")];
    return ts.isForStatement(node) && node.condition ? [replace(node.condition, "false")] : [];
  },
};

/** A condition that always holds, one that never does, and its opposite (a comparison has one of its own). */
function always(test: TS.Expression): Edit[] {
  const isComparison = ts.isBinaryExpression(test) && /^([!=]==|[<>]=?)$/.test(test.operatorToken.getText());
  const opposite = isComparison ? [] : [replace(test, `!(${test.getText()})`)];
  return [replace(test, "true"), replace(test, "false"), ...opposite];
}

const noElse: Operator = {
  name: "no else",
  edits: (node) =>
    ts.isIfStatement(node) && node.elseStatement !== undefined
      ? [{ start: node.thenStatement.end, end: node.end, text: "" }]
      : [],
};

/** A declaration may stand anywhere before its use; what comes after a return never runs. */
const order: Operator = {
  name: "order",
  edits: (node) => {
    if (!ts.isBlock(node)) return [];
    const list = node.statements;
    return list.slice(1).flatMap((second, at) => {
      const first = list[at]!;
      const pointless = [first, second].some(ts.isVariableStatement) || ts.isReturnStatement(second);
      return pointless ? [] : [swapped(first, second)];
    });
  },
};

/**
 * The function returns before a statement of its body, with what it would return at its end if that is a
 * plain value.
 */
const early: Operator = {
  name: "early return",
  edits: (node) => {
    if (!ts.isBlock(node) || !ts.isFunctionLike(node.parent)) return [];
    const last = node.statements.at(-1);
    const value = last && ts.isReturnStatement(last) ? (last.expression?.getText() ?? "") : "";
    const plain = /^(-?[\w.]+)?$/.test(value) ? value : "undefined";
    return node.statements
      .slice(1)
      .filter((statement) => !ts.isReturnStatement(statement))
      .map((statement) => ({
        start: statement.getStart(),
        end: statement.getStart(),
        text: `return ${plain}; `,
      }));
  },
};

const result: Operator = {
  name: "result",
  edits: (node) => {
    if (!ts.isReturnStatement(node) || node.expression === undefined) return [];
    const isPlain =
      ts.isLiteralExpression(node.expression) || /^(true|false)$/.test(node.expression.getText());
    return isPlain ? [] : [replace(node.expression, "0"), replace(node.expression, "undefined")];
  },
};

/** The operators that change statements. */
export const STATEMENT_OPERATORS: readonly Operator[] = [drop, condition, noElse, order, early, result];
