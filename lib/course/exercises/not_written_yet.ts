/**
 * The error that every unsolved exercise throws. The grader tells it apart from a wrong answer.
 */

/** Thrown by an exercise that the learner has not filled in. `task` is "01.3". Not in Linux: a helper of the course. */
export class NotWrittenYet extends Error {
  override readonly name = "NotWrittenYet";

  constructor(readonly task: string) {
    super(
      `Exercise ${task} is not written yet: put your code in its place, in exercises/${task.slice(0, 2)}-*.ts`,
    );
  }
}

/** Whether `error` says "not written yet", also when it comes from another copy of the library. Not in Linux: a helper of the course. */
export function isNotWrittenYet(error: unknown): error is NotWrittenYet {
  return error instanceof Error && error.name === "NotWrittenYet";
}
