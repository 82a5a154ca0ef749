/**
 * Wrong answers: planted mistakes that a grader must catch, each with the message that the learner should
 * read.
 *
 *     export const wrong: WrongAnswer[] = [
 *       { task: "01.2", name: "takes the offset from 11 bits", find: "va % 4096", replace: "va % 2048", says: /offset/ },
 *     ];
 *
 * A wrong answer is a change to the solution; `find` must occur in it exactly once.
 * test/exercises/graders.test.ts runs them all.
 */

/** One planted mistake. */
export interface WrongAnswer {
  /** The task that must fail: "01.2". */
  task: string;
  /** The mistake, as the end of a sentence that starts with "an answer that". */
  name: string;
  find: string;
  replace: string;
  /** What the report of that task must say: in its message, got, expected or place. */
  says: RegExp;
}

/**
 * The solution with one mistake planted. Throws where `find` does not occur exactly once.
 * Not in Linux: a helper of the course.
 */
export function plant(solution: string, { task, name, find, replace }: WrongAnswer): string {
  const occurs = solution.split(find).length - 1;
  if (occurs !== 1)
    throw new RangeError(
      `wrong answer ${task} "${name}": its \`find\` occurs ${occurs} times in the solution, not once`,
    );
  return solution.replace(find, () => replace);
}
