/**
 * A new lab's notebook, with every section that `check.ts` asks for, ready to be filled in.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { asLines, type Cell, type Notebook, stripped } from "./nbformat.js";

/** A notebook for lab `number` ("05") on `title` ("Reclaim"). */
export function newNotebook(number: string, title: string): Notebook {
  const cells = cellTexts(number, title).map((text, index) => toCell(text, `lab${number}-${index + 1}`));
  return stripped({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });
}

/** A figure in two or three lines. */
const FIGURE = `lines([1, 2, 4, 8], { "each page written": (pages) => pages * 4 }, {
  title: "What the picture shows", x: "number of pages mapped", y: "resident memory (KiB)",
  alt: "What is to be seen: the line rises by 4 KiB with each page.",
})`;

/** Markdown as it is; code after a line "ts:". */
function cellTexts(number: string, title: string): string[] {
  return [
    `# ${number} ${title}\n\nOne sentence on the question that this lab answers.`,
    `## What you will be able to do\n\n- see ...\n- explain ...\n- write ...`,
    `ts:import { boot, lines } from "pagewalk";`,
    `## A first experiment\n\n**Predict.** A question that the next cell answers?`,
    `ts:// predict(...) and its checked answer`,
    `ts:${FIGURE}`,
    `One sentence that says what is to be seen in the picture.`,
    `## The real thing\n\nWhere a real Linux shows the same, and the figures recorded there.`,
    `## Exercises\n\nThey are in [exercises/](../exercises/).`,
    `### ${number}.1 Warm-up\n\nWhat is wanted.`,
    `ts:await check("${number}.1")`,
    `## Recap\n\n- ...`,
    `## Where to read on\n\n- man pages, kernel documentation, the source file by name`,
  ];
}

function toCell(text: string, id: string): Cell {
  if (!text.startsWith("ts:")) return { cell_type: "markdown", id, metadata: {}, source: asLines(text) };
  const source = asLines(text.slice("ts:".length));
  return { cell_type: "code", execution_count: null, id, metadata: {}, outputs: [], source };
}
