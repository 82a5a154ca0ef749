/**
 * The error that every unsolved exercise throws. The grader tells it apart from a wrong answer.
 */
import { valueText } from "../../hw/options.js";

/**
 * Thrown by an exercise that the learner has not filled in. `task` is "01.3".
 * Not in Linux: a helper of the course.
 */
export class NotWrittenYet extends Error {
  override readonly name = "NotWrittenYet";

  constructor(readonly task: string) {
    const id = typeof task === "string" ? task : valueText(task);
    super(
      `Exercise ${id} is not written yet: put your code in its place, in exercises/${id.slice(0, 2)}-*.ts`,
    );
  }
}

/**
 * Whether `error` says "not written yet", also when it comes from another copy of the library.
 * Not in Linux: a helper of the course.
 */
export function isNotWrittenYet(error: unknown): error is NotWrittenYet {
  return error instanceof Error && error.name === "NotWrittenYet";
}
