/**
 * How much work a comparison may spend on a short counterexample. Only the first failing test of a task is
 * shown to the learner, so the runner switches shrinking off for the ones after it; that keeps a check under
 * a second or two.
 */
export const effort = { shrink: true };
