/**
 * Mutation operators: the small mistakes that a hand makes, found by the machine in every place where they
 * fit.
 *
 *     setPte(sys.ram, vmf.ptep, pteMkold(pte));
 *     ^ drop the statement                        ^ keep the argument: pteMkold(pte) -> pte
 *            ^ swap two arguments: setPte(vmf.ptep, sys.ram, ...)
 *
 * An operator looks at one node of the syntax tree and answers with edits of the text: what stands from
 * `start` to `end` becomes `text`. It knows nothing of types: a learner's code is run without a type check,
 * so a mutant that a compiler would refuse counts like any other. Only what is no JavaScript at all is left
 * out, by whoever runs the mutants.
 *
 * Left out: changes of names in declarations, of types, of imports; more than one mistake at a time.
 *
 * Not in Linux: a tool of the course. Read next: statements.ts, mutants.ts.
 */

import { createRequire } from "node:module";
import type TS from "typescript";

/** TypeScript's compiler. */
export const ts = createRequire(import.meta.url)("typescript") as typeof TS;

/** One change of a text. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** The names of one file that an operator may put in the place of others. */
export interface Names {
  /** Constants in capitals, by family: PAGE_RW and PAGE_USER are one. */
  families: ReadonlyMap<string, readonly string[]>;
}

/** One kind of mistake. */
export interface Operator {
  name: string;
  edits: (node: TS.Node, names: Names) => Edit[];
}

/** `node` becomes `text`. */
export function replace(node: TS.Node, text: string): Edit {
  return { start: node.getStart(), end: node.end, text };
}

/** Which operators take the place of one: first the near miss, then the opposite. */
const SWAPS: Record<string, Record<string, readonly string[]>> = {
  compare: {
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "===": ["!=="],
    "!==": ["==="],
  },
  logic: { "&&": ["||"], "||": ["&&"] },
  arithmetic: {
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
    "%": ["*"],
    "|": ["&"],
    "&": ["|"],
    "<<": [">>"],
    ">>": ["<<"],
    ">>>": ["<<"],
    "+=": ["-="],
    "-=": ["+="],
    "|=": ["=", "&="],
    "&=": ["=", "|="],
  },
};

/** Operators of which one side alone is a plausible answer. */
const ONE_SIDE = new Set(["&&", "||", "??", "+", "-", "*", "/", "%", "|", "&", ">>", "<<", ">>>"]);

function swapOperator(kind: string): Operator {
  return {
    name: kind,
    edits: (node) => {
      if (!ts.isBinaryExpression(node)) return [];
      const others = SWAPS[kind]![node.operatorToken.getText()] ?? [];
      return others.map((text) => replace(node.operatorToken, text));
    },
  };
}

const oneSide: Operator = {
  name: "one side",
  edits: (node) => {
    if (!ts.isBinaryExpression(node) || !ONE_SIDE.has(node.operatorToken.getText())) return [];
    return [replace(node, node.left.getText()), replace(node, node.right.getText())];
  },
};

const sign: Operator = {
  name: "sign",
  edits: (node) => {
    if (ts.isPostfixUnaryExpression(node))
      return [{ start: node.operand.end, end: node.end, text: node.getText().endsWith("++") ? "--" : "++" }];
    if (!ts.isPrefixUnaryExpression(node)) return [];
    const operator = ts.tokenToString(node.operator)!;
    return ["-", "!", "~"].includes(operator) ? [replace(node, node.operand.getText())] : [];
  },
};

const number: Operator = {
  name: "number",
  edits: (node) => {
    if (ts.isBigIntLiteral(node)) {
      const value = BigInt(node.getText().replaceAll("_", "").slice(0, -1));
      return [replace(node, `${value + 1n}n`), replace(node, `${value - 1n}n`)];
    }
    if (!ts.isNumericLiteral(node)) return [];
    return [replace(node, String(Number(node.text) + 1)), replace(node, String(Number(node.text) - 1))];
  },
};

const word: Operator = {
  name: "word",
  edits: (node) => {
    if (node.kind === ts.SyntaxKind.TrueKeyword) return [replace(node, "false")];
    if (node.kind === ts.SyntaxKind.FalseKeyword) return [replace(node, "true")];
    return ts.isStringLiteral(node) && node.text !== "" ? [replace(node, '""')] : [];
  },
};

/** Calls that a near relative may stand in for. */
const RELATIVES: Record<string, readonly string[]> = {
  "Math.floor": ["Math.ceil", "Math.round"],
  "Math.ceil": ["Math.floor", "Math.round"],
  "Math.min": ["Math.max"],
  "Math.max": ["Math.min"],
  pageAlign: ["pageAlignDown"],
  pageAlignDown: ["pageAlign"],
};

const relative: Operator = {
  name: "relative",
  edits: (node) => {
    if (!ts.isCallExpression(node)) return [];
    return (RELATIVES[node.expression.getText()] ?? []).map((text) => replace(node.expression, text));
  },
};

const call: Operator = {
  name: "call",
  edits: (node) => {
    if (!ts.isCallExpression(node) || ts.isExpressionStatement(node.parent)) return [];
    const { expression } = node;
    const values = node.arguments.filter((argument) => !ts.isArrowFunction(argument));
    const edits = values.map((argument) => replace(node, `(${argument.getText()})`));
    if (ts.isPropertyAccessExpression(expression) && values.length < node.arguments.length)
      edits.push(replace(node, expression.expression.getText()));
    return edits;
  },
};

const argument: Operator = {
  name: "argument",
  edits: (node) => {
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return [];
    const list = [...(node.arguments ?? [])];
    if (/^Math\.(min|max)$/.test(node.expression.getText())) return [];
    const swaps = list.slice(1).map((second, at) => swapped(list[at]!, second));
    const last = list.at(-1);
    if (last === undefined || list.length < 2) return swaps;
    return [...swaps, { start: list.at(-2)!.end, end: last.end, text: "" }];
  },
};

/** Two neighbours change places; what stands between them stays. */
export function swapped(first: TS.Node, second: TS.Node): Edit {
  const source = first.getSourceFile().text;
  const between = source.slice(first.end, second.getStart());
  return {
    start: first.getStart(),
    end: second.end,
    text: `${second.getText()}${between}${first.getText()}`,
  };
}

const element: Operator = {
  name: "element",
  edits: (node) => {
    if (ts.isObjectLiteralExpression(node))
      return node.properties.map((property) => {
        const comma = /^\s*,/.exec(node.getSourceFile().text.slice(property.end))?.[0].length ?? 0;
        return { start: property.getStart(), end: property.end + comma, text: "" };
      });
    if (!ts.isArrayLiteralExpression(node)) return [];
    return node.elements.slice(1).map((second, at) => swapped(node.elements[at]!, second));
  },
};

const constant: Operator = {
  name: "constant",
  edits: (node, { families }) => {
    if (!ts.isIdentifier(node) || !isValue(node)) return [];
    const family = families.get(familyOf(node.text) ?? "") ?? [];
    if (!family.includes(node.text)) return [];
    const next = family[(family.indexOf(node.text) + 1) % family.length]!;
    return next === node.text ? [replace(node, "0")] : [replace(node, next), replace(node, "0")];
  },
};

/** The family of a constant: "PAGE" of PAGE_RW, "errno" of ENOMEM; undefined when the name is no constant. */
export function familyOf(name: string): string | undefined {
  if (!/^_*[A-Z][A-Z0-9_]*[A-Za-z0-9]$/.test(name) || !/^_*[A-Z]{2}/.test(name)) return undefined;
  if (/^E[A-Z]+$/.test(name)) return "errno";
  return /^_*([A-Z0-9]+)/.exec(name)![1];
}

/** A name that is read, not one that is declared or that belongs to a member. */
function isValue(node: TS.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent)) return parent.initializer === node;
  const declares =
    ts.isParameter(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isShorthandPropertyAssignment(parent);
  return !declares && !(ts.isCallExpression(parent) && parent.expression === node);
}

/** A parameter or a destructured name is mistaken for its neighbour: dstVma for srcVma. */
const neighbour: Operator = {
  name: "neighbour",
  edits: (node) => {
    if (!ts.isIdentifier(node) || !isValue(node)) return [];
    for (let at: TS.Node = node; at.parent; at = at.parent)
      for (const group of namesDeclaredIn(at)) {
        const index = group.indexOf(node.text);
        if (index >= 0) return group.length < 2 ? [] : [replace(node, group[(index + 1) % group.length]!)];
      }
    return [];
  },
};

/**
 * Groups of names that can be mistaken for each other: parameters of one type, names of one destructuring.
 */
function namesDeclaredIn(node: TS.Node): string[][] {
  if (ts.isFunctionLike(node)) {
    const groups = new Map<string, string[]>();
    for (const { name, type } of node.parameters) {
      const key = type?.getText() ?? "";
      if (ts.isIdentifier(name)) groups.set(key, [...(groups.get(key) ?? []), name.text]);
      else groups.set(name.getText(), boundNames(name));
    }
    return [...groups.values()];
  }
  if (!ts.isBlock(node) && !ts.isForOfStatement(node)) return [];
  const lists = ts.isBlock(node)
    ? node.statements.filter(ts.isVariableStatement).map(({ declarationList }) => declarationList)
    : ts.isVariableDeclarationList(node.initializer)
      ? [node.initializer]
      : [];
  return lists.flatMap(({ declarations }) =>
    declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [] : [boundNames(name)])),
  );
}

function boundNames(pattern: TS.BindingPattern): string[] {
  return pattern.elements.flatMap((one) =>
    ts.isBindingElement(one) && ts.isIdentifier(one.name) ? [one.name.text] : [],
  );
}

const BORDERS: Record<string, string> = {
  vmStart: "vmEnd",
  vmEnd: "vmStart",
  filesz: "memsz",
  memsz: "filesz",
};

const member: Operator = {
  name: "member",
  edits: (node) => {
    if (!ts.isPropertyAccessExpression(node)) return [];
    const other = BORDERS[node.name.text];
    return other === undefined ? [] : [replace(node.name, other)];
  },
};

/** The operators that change expressions. */
export const EXPRESSION_OPERATORS: readonly Operator[] = [
  swapOperator("compare"),
  swapOperator("logic"),
  swapOperator("arithmetic"),
  oneSide,
  sign,
  number,
  word,
  relative,
  call,
  argument,
  element,
  constant,
  neighbour,
  member,
];
