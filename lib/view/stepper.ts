/**
 * Stepper: a picture for each state of something that moves, with buttons, a slider and keys to walk them
 * forwards and backwards.
 *
 *    states  [s0, s1, s2, ...]            plain data, such as tlbSets(tlb) after each access; record() collects them
 *      | draw(state, index)               any drawing of this folder
 *      v
 *    pictures, all of one size            changesBetween() marks what is different against the step before
 *      |
 *      v
 *    [< Previous] [Next >] ---o------ 3 / 9
 *    step 3 of 9: page 0x402 walks
 *    +---------------------------+
 *    |  the picture of step 3    |
 *    +---------------------------+
 *
 * Where scripts may not run (a notebook that is not trusted, nbviewer, GitHub) the first and the last picture
 * are shown. In a terminal and in stock tslab a stepper is a list of its steps.
 *
 * Left out: playing by itself. Who looks decides when to go on.
 *
 * Not in Linux. Read first: picture.ts, stepper_marks.ts. Read next: stepper_script.ts, record.ts.
 */

import { valueText } from "../hw/options.js";
import { checkArguments } from "../hw/signature.js";
import { Picture, requireText } from "./picture.js";
import { JUPYTER_DISPLAY, type MimeBundle } from "./show.js";
import { changesBetween, splitElements } from "./stepper_marks.js";
import { type StepMarkup, stepperHtml } from "./stepper_script.js";
import { escapeXml } from "./svg.js";
import { THEME_SCRIPT } from "./theme.js";

/** States with a word on each, as record() returns them. */
export interface LabelledStates<State> {
  readonly states: readonly State[];
  readonly labels: readonly string[];
}

/** What may be said about a stepper. */
export interface StepperOptions<State> {
  /** What all steps show; the title of the first picture unless given. */
  readonly title?: string;
  /**
   * What happened in each step, in a few words: a list, or a function of state and index. The picture's title
   * unless given.
   */
  readonly labels?: readonly string[] | ((state: State, index: number) => string);
  /** Whether what changed against the step before is marked; true unless given. */
  readonly marks?: boolean;
}

/** Most states of one stepper. */
export const MAX_STATES = 200;
/** Changed texts that an alt text names. */
const TOLD = 8;

/** One step, ready to be shown. */
interface Step {
  readonly picture: Picture;
  readonly caption: string;
  readonly alt: string;
  /** The elements of its picture, marks last. */
  readonly elements: readonly string[];
  readonly nrMarks: number;
}

/**
 * A series of pictures to step through. The last expression of a cell shows it; `show(stepper)` does so in
 * the middle of one.
 */
export class Stepper {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  private readonly steps: readonly Step[];

  constructor(title: string, pictures: readonly Picture[], labels: readonly string[], marked: boolean) {
    this.title = title;
    this.width = Math.max(...pictures.map(({ width }) => width));
    this.height = Math.max(...pictures.map(({ height }) => height));
    this.steps = stepsOf(pictures, labels, marked);
  }

  /** Number of steps. */
  get length(): number {
    return this.steps.length;
  }

  /** "step 3 of 9: ...", for each step. */
  get captions(): string[] {
    return this.steps.map(({ caption }) => caption);
  }

  /**
   * The picture of one step, counted from 1, with its marks, in the size that all steps have. RangeError for
   * a step that is not there.
   */
  at(step: number): Picture {
    checkArguments("stepper.at()", { step: "count" }, [step]);
    const one = this.steps[step - 1];
    if (one === undefined) throw new RangeError(`there are steps 1 to ${this.length}; got ${step}`);
    const { width, height } = this;
    const frame = { width, height, title: one.picture.title, desc: one.alt };
    return new Picture(frame, one.elements, one.picture.toString());
  }

  /** The first and the last picture, and the script that puts the whole stepper in their place. */
  get html(): string {
    const { title, width, height } = this;
    const steps: StepMarkup[] = this.steps.map(({ caption, alt, elements }) => ({ caption, alt, elements }));
    const frame = { title, width, height, legend: legendOf(this.steps) };
    return stepperHtml(this.strip(), frame, steps) + THEME_SCRIPT;
  }

  private strip(): string {
    const ends = this.length === 1 ? [1] : [1, this.length];
    return ends
      .map((step) => {
        const { caption } = this.steps[step - 1]!;
        const image = imageOf(this.at(step));
        // A paragraph keeps its distance also where a notebook that is not trusted loses its styles.
        return `<p style="margin:4px 0 12px">${escapeXml(caption)}<br>${image}</p>`;
      })
      .join("");
  }

  /** The steps as text, one a line, and the last picture's text. */
  toString(): string {
    const last = this.steps[this.length - 1]!.picture.toString();
    return [`${this.title}, in ${this.length} steps`, ...this.captions.map((c) => `  ${c}`), last].join("\n");
  }

  [JUPYTER_DISPLAY](): MimeBundle {
    return { "text/html": this.html, "text/plain": this.toString() };
  }

  /** What console.log prints. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** The image of a picture, without the script that goes with it. */
function imageOf(picture: Picture): string {
  return /<img [^>]*>/.exec(picture.html)![0];
}

/** The elements of a picture between its card and its end. */
function elementsOf(picture: Picture): string[] {
  const inner = picture.svg.replace(/^<svg[^>]*>/, "").replace(/<\/svg>$/, "");
  const drawn = splitElements(inner).filter((one) => !/^<(title|desc|style)[ >]/.test(one));
  return drawn.slice(1);
}

function stepsOf(pictures: readonly Picture[], labels: readonly string[], marked: boolean): Step[] {
  let before: readonly string[] | undefined;
  return pictures.map((picture, index) => {
    const own = elementsOf(picture);
    const changes = marked && before !== undefined ? changesBetween(before, own) : undefined;
    before = own;
    const label = labels[index]!;
    const caption = `step ${index + 1} of ${pictures.length}${label === "" ? "" : `: ${label}`}`;
    const told = changes === undefined ? "" : toldOf(changes.texts, changes.gone);
    const marks = changes?.marks ?? [];
    const alt = `${caption}.${told} ${picture.alt}`;
    return { picture, caption, alt, elements: [...own, ...marks], nrMarks: marks.length };
  });
}

/** The changes in words. */
function toldOf(texts: readonly string[], gone: readonly string[]): string {
  const list = (words: readonly string[]): string => {
    const different = [...new Set(words)];
    const more = different.length > TOLD ? ` and ${different.length - TOLD} more` : "";
    return different.slice(0, TOLD).join(", ") + more;
  };
  return `${texts.length > 0 ? ` New: ${list(texts)}.` : ""}${gone.length > 0 ? ` Gone: ${list(gone)}.` : ""}`;
}

function legendOf(steps: readonly Step[]): string {
  const marks = steps.flatMap(({ elements, nrMarks }) => elements.slice(elements.length - nrMarks));
  if (marks.length === 0) return "";
  const dashed = marks.some((mark) => mark.includes("stroke-dasharray"));
  return `Thick: what changed against the step before.${dashed ? " Dashed: what is gone." : ""}`;
}

/**
 * Shows `states` one at a time: `draw(state, index)` makes the picture of each, and what changed against the
 * step before is marked. Takes a list of up to 200 states, or what `record` returns, which knows a label for
 * each. RangeError without a state; what `draw` throws is told with the number of its state.
 */
export function stepper<State>(
  states: readonly State[] | LabelledStates<State>,
  draw: (state: State, index: number) => Picture,
  options: StepperOptions<State> = {},
): Stepper {
  checkArguments(
    "stepper()",
    { states: "any", draw: "function", options: { title: "text", labels: "any", marks: "flag" } },
    [states, draw, options],
  );
  const list = statesOf(states);
  const pictures = list.map((state, index) => drawn(draw, state, index, list.length));
  const labels = labelsOf(list, states, options.labels, pictures);
  const title = requireText(options.title ?? pictures[0]!.title, "stepper's title", "what the steps show");
  return new Stepper(title, pictures, labels, options.marks ?? true);
}

function statesOf<State>(states: readonly State[] | LabelledStates<State>): readonly State[] {
  const list = Array.isArray(states) ? states : (states as LabelledStates<State> | undefined)?.states;
  if (!Array.isArray(list))
    throw new TypeError(`stepper() takes a list of states, or a recording; got ${valueText(states)}`);
  if (list.length === 0) throw new RangeError("stepper() needs at least one state; the list is empty");
  if (list.length > MAX_STATES)
    throw new RangeError(
      `stepper() shows at most ${MAX_STATES} states; got ${list.length}, so show a part of them`,
    );
  return list as readonly State[];
}

function drawn<State>(
  draw: (state: State, index: number) => Picture,
  state: State,
  index: number,
  count: number,
): Picture {
  const which = `state ${index + 1} of ${count}`;
  let picture: unknown;
  try {
    picture = draw(state, index);
  } catch (error) {
    const message = `stepper(): draw failed for ${which}: ${error instanceof Error ? error.message : String(error)}`;
    if (error instanceof RangeError) throw new RangeError(message, { cause: error });
    if (error instanceof TypeError) throw new TypeError(message, { cause: error });
    throw new Error(message, { cause: error });
  }
  if (picture instanceof Picture) return picture;
  throw new TypeError(
    `stepper(): draw must return a picture, as drawTlb() does; for ${which} it returned ${valueText(picture)}`,
  );
}

function labelsOf<State>(
  list: readonly State[],
  states: readonly State[] | LabelledStates<State>,
  wanted: StepperOptions<State>["labels"],
  pictures: readonly Picture[],
): readonly string[] {
  const given = wanted ?? (Array.isArray(states) ? undefined : (states as LabelledStates<State>).labels);
  if (given === undefined) {
    const titles = pictures.map(({ title }) => title);
    return new Set(titles).size === 1 ? titles.map(() => "") : titles;
  }
  const labels = typeof given === "function" ? list.map((state, index) => given(state, index)) : given;
  if (!Array.isArray(labels) || labels.length !== list.length)
    throw new RangeError(
      `stepper() needs a label for each of ${list.length} states; got ${Array.isArray(labels) ? labels.length : valueText(labels)}`,
    );
  labels.forEach((label, index) => {
    checkArguments("stepper()", { [`labels[${index}]`]: "text" }, [label]);
  });
  return labels;
}
