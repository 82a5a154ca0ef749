/**
 * A grade report: plain data for `--json`, from which the text and the table are made.
 */

/**
 * How a task stands. `stopped`: its code had to be stopped or ended the process. `not-run`: something else
 * came before it.
 */
export type TaskState = "passed" | "failed" | "not-written" | "stopped" | "not-run";

/** The result of one task. Texts are written for the learner. */
export interface TaskReport {
  id: string;
  title: string;
  state: TaskState;
  /** How many of its tests passed. */
  passed: number;
  tests: number;
  /** The first test that did not pass, as a sentence. */
  test?: string;
  message?: string;
  got?: string;
  expected?: string;
  /** "exercises/01-paging.ts:31, in decode()" */
  where?: string;
  /** What the code printed during that test. */
  printed?: string[];
}

/** The result of one submission. */
export interface GradeReport {
  lab: string;
  topic: string;
  /** The file that was graded, relative to the project where possible. */
  file: string;
  /** Why nothing (or nothing more) could be graded: a syntax error, a refused import. Several lines. */
  problem?: string;
  tasks: TaskReport[];
  passed: number;
  total: number;
}

const MARK: Record<TaskState, string> = {
  passed: "✔",
  failed: "✘",
  "not-written": "·",
  stopped: "✘",
  "not-run": "?",
};
const SAYS: Partial<Record<TaskState, string>> = { "not-written": "not written yet", "not-run": "not run" };

/**
 * Whether every task passed; a command ends with status 0 exactly then. Not in Linux: a helper of the course.
 */
export function allPassed(report: GradeReport): boolean {
  return report.total > 0 && report.passed === report.total && report.problem === undefined;
}

/** How a learner asks for a hint where the report is read. */
type HintCommand = (task: string) => string;
const inTerminal: HintCommand = (task) => `npx pagewalk hint ${task}`;
export const inNotebook: HintCommand = (task) => `hint("${task}")`;

/** The report as text, for a terminal unless told otherwise. Not in Linux: a helper of the course. */
export function reportText(report: GradeReport, hint: HintCommand = inTerminal): string {
  const lines = [`Lab ${report.lab} ${report.topic}, ${report.file}`, ""];
  if (report.problem) lines.push(...indented(report.problem, 2), "");
  const width = Math.max(...report.tasks.map(({ id, title }) => id.length + title.length));
  for (const task of report.tasks) {
    const name = `${task.id} ${task.title}`;
    const says = SAYS[task.state];
    lines.push(`  ${MARK[task.state]} ${says ? `${name.padEnd(width + 3)}${says}` : name}`);
    lines.push(...detailLines(task).map((line) => `      ${line}`));
  }
  return [...lines, "", summary(report, hint)].join("\n");
}

/** The lines below a task that did not pass. */
function detailLines(task: TaskReport): string[] {
  const lines: string[] = [];
  if (task.test)
    lines.push(
      `${task.test}${task.tests > 1 && task.state === "failed" ? `   (${task.passed} of ${task.tests} checks pass)` : ""}`,
    );
  if (task.message) lines.push(...task.message.split("\n"));
  if (task.expected !== undefined && task.got !== undefined) {
    lines.push(...labelled("expected", task.expected), ...labelled("got", task.got));
  }
  if (task.where) lines.push(`at ${task.where}`);
  if (task.printed) lines.push("it printed:", ...task.printed.map((line) => `  ${line}`));
  return lines;
}

function labelled(label: string, value: string): string[] {
  return value.split("\n").map((line, at) => `${at === 0 ? `${label}:`.padStart(9) : "         "} ${line}`);
}

function indented(text: string, by: number): string[] {
  return text.split("\n").map((line) => " ".repeat(by) + line);
}

/** "3 of 5. Next: 01.2 Decode an entry. Stuck? npx pagewalk hint 01.2". */
function summary(report: GradeReport, hint: HintCommand): string {
  const count = `${report.passed} of ${report.total}`;
  if (allPassed(report)) return `${count}. Well done.`;
  const wrong = report.tasks.find(({ state }) => state === "failed" || state === "stopped");
  const next = wrong ?? report.tasks.find(({ state }) => state !== "passed");
  return next && !report.problem
    ? `${count}. Next: ${next.id} ${next.title}. Stuck? ${hint(next.id)}`
    : `${count}.`;
}

/**
 * Colours of a line beside the result, seen on white and on black alike; the text has the theme's own colour.
 */
const COLOUR: Record<TaskState, string> = {
  passed: "#2da44e",
  failed: "#d1453b",
  "not-written": "#6e7781",
  stopped: "#d1453b",
  "not-run": "#6e7781",
};
/** Code and messages stand on the theme's own ground. */
const PRE = "white-space:pre-wrap;color:inherit;background:transparent";

/** The report as an HTML table for a notebook. Not in Linux: a helper of the course. */
export function reportHtml(report: GradeReport): string {
  const rows = report.tasks.map((task) => {
    const details = detailLines(task).join("\n");
    const state = `${MARK[task.state]} ${SAYS[task.state] ?? task.state}`;
    return (
      `<tr><td style="text-align:left;vertical-align:top;white-space:nowrap">${escapeHtml(task.id)}</td>` +
      `<td style="text-align:left;vertical-align:top">${escapeHtml(task.title)}` +
      `${details ? `<pre style="margin:4px 0 0;${PRE}">${escapeHtml(details)}</pre>` : ""}</td>` +
      `<td style="text-align:left;vertical-align:top;white-space:nowrap;border-left:4px solid ${COLOUR[task.state]}"><b>${state}</b></td></tr>`
    );
  });
  const problem = report.problem
    ? `<pre style="border-left:4px solid ${COLOUR.failed};padding-left:8px;${PRE}">${escapeHtml(report.problem)}</pre>`
    : "";
  return (
    `<div class="pagewalk-check" style="color:var(--jp-content-font-color1,inherit)">${problem}<p>Lab ${escapeHtml(report.lab)} ${escapeHtml(report.topic)}, ` +
    `<code>${escapeHtml(report.file)}</code>: <b>${report.passed} of ${report.total}</b></p>` +
    `<table style="margin:4px 0"><thead><tr><th style="text-align:left">No.</th><th style="text-align:left">Exercise</th><th style="text-align:left">Result</th></tr></thead>` +
    `<tbody>${rows.join("")}</tbody></table><p>${escapeHtml(summary(report, inNotebook))}</p></div>`
  );
}

function escapeHtml(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (found) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[found]!,
  );
}
