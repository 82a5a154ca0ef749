/**
 * Step through a policy at work: after each reference, which page is in which frame, and who had to go.
 *
 *    reference   7    0    1    2    0    3
 *    frame 0    [7]   7    7   [2]                  a page that has just come stands out; behind a page stands
 *    frame 1         [0]   0    0                   what the policy remembers of it, such as CLOCK's bit and hand
 *    frame 2              [1]   1
 *               miss miss miss miss                 what comes later is still blank
 *
 *    stepPolicy("CLOCK", trace, 3)
 *
 * Not in Linux. Read first: draw_policy.ts, stepper.ts.
 */
import { checkArguments } from "../hw/signature.js";
import type { AnyPageTrace } from "../policies/numbered_trace.js";
import { type PolicyStep, policySteps } from "../policies/policy_steps.js";
import type { AnyPolicy } from "../policies/run_policy.js";
import { drawPolicyUpTo, policyTitle } from "./draw_policy.js";
import { type Stepper, stepper } from "./stepper.js";

/**
 * A policy on a short trace, reference by reference, to step through. RangeError for more than 24 references
 * or 12 frames. Not in Linux.
 */
export function stepPolicy(
  policy: AnyPolicy,
  trace: AnyPageTrace,
  frames: number,
  options: { readonly title?: string } = {},
): Stepper {
  checkArguments("stepPolicy()", { frames: "count", options: { title: "text" } }, [frames, options]);
  const run = policySteps(policy, trace, frames);
  const title = options.title ?? policyTitle(run);
  const states = [...run.steps.keys(), run.steps.length];
  const labels = states.map((upTo) => captionOf(run.steps[upTo - 1]));
  return stepper(states, (upTo) => drawPolicyUpTo(run, upTo, title), { title, labels });
}

function captionOf(step: PolicyStep | undefined): string {
  if (step === undefined) return "all frames are empty";
  if (step.hit) return `page ${step.page} is used: it is there`;
  const gone = step.evicted === undefined ? "a frame was empty" : `page ${step.evicted} has to go`;
  return `page ${step.page} is used: a miss; ${gone}`;
}
