/**
 * The error of a comparison: two things that should be the same and are not, both written for the learner.
 */

/** Two things differ. `got` and `wanted` are texts for the learner. Not in Linux: a helper of the course. */
export class DifferenceError extends Error {
  override readonly name = "DifferenceError";

  constructor(
    message: string,
    readonly got?: string,
    readonly wanted?: string,
  ) {
    super(message);
  }
}
