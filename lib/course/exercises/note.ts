/**
 * A short answer of the course to a learner: text on the command line, a paragraph in a notebook.
 */

/**
 * Shown richly as the last expression of a cell, as plain text anywhere else.
 * Not in Linux: a helper of the course.
 */
export class Note {
  /** `code` between backticks is set as code in a notebook; lines stay lines. */
  constructor(readonly text: string) {}

  [Symbol.for("Jupyter.display")](): Record<string, string> {
    const escaped = this.text.replace(
      /[&<>]/g,
      (found) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[found]!,
    );
    const html = escaped.replace(/`([^`\n]+)`/g, "<code>$1</code>").replaceAll("\n", "<br>");
    return { "text/html": `<p class="pagewalk-note">${html}</p>`, "text/plain": this.text };
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.text;
  }

  toString(): string {
    return this.text;
  }
}
