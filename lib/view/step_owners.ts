/**
 * Step through a family of processes: one step for each entry that a fork copies, each write that a copy on write serves,
 * and each entry that an exit takes away.
 *
 *    pagewalk:copy_present_ptes    fork: alice's entry of 0x20000000 is copied for bob
 *    do_wp_page()                  alice writes 0x20000000: it is copied to frame 0x10a
 *    do_wp_page()                  bob writes 0x20000000: nobody else has frame 0x106, so he goes on in it
 *    pagewalk:zap_present_ptes     exit: bob's entry of 0x20001000 is taken away
 *
 * Every process of the story has its row from the first step on, and every frame its column, so that nothing moves but the
 * entries. Steps after which no entry of the range is different are left out.
 *
 * Not in Linux. Read first: record.ts, draw_owners.ts, family.ts.
 */

import type { Pfn } from "../hw/address.js";
import { hex } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { Process } from "../kernel/process.js";
import type { MmStruct } from "../mm/mm_types.js";
import { drawOwners, type FrameFacts, type OwnedPage } from "./draw_owners.js";
import { sharersOf, UNNAMED } from "./family.js";
import { framesOf, ownersOf, type ShownRange } from "./mm_data.js";
import { type RecordedEvent, record } from "./record.js";
import { type Stepper, stepper } from "./stepper.js";

/** What may be said about a stepper of a family. */
export interface StepOwnersOptions {
  readonly title?: string;
  /** Addresses to look at; all that is mapped unless given. */
  readonly range?: ShownRange;
}

const EVENTS = ["pagewalk:copy_present_ptes", "pagewalk:zap_present_ptes", "do_wp_page()"];

/** Who has which page at one moment. */
interface Moment {
  /** In the order in which the cast has come. */
  readonly pages: readonly (readonly OwnedPage[])[];
  /** Whose access or call it is, as a number of the cast. */
  readonly current: number;
}

/** The processes of the story, by their address spaces: a child has one before it has a name. */
class Cast {
  private readonly mms: MmStruct[] = [];
  private readonly names: string[] = [];
  private readonly facts = new Map<Pfn, FrameFacts>();

  constructor(
    private readonly process: Process,
    private readonly range: ShownRange,
  ) {}

  look(): Moment {
    const sharers = Object.entries(this.process.alive ? sharersOf(this.process) : {});
    const { tasks, sys } = this.process.kernel;
    const current = tasks.get(sys.current?.pid ?? 0);
    for (const [found, mm] of sharers) {
      // A task that exits has let go of its address space before the entries go.
      const name =
        found === UNNAMED && current !== undefined && current.mm === undefined ? current.comm : found;
      const known = this.mms.indexOf(mm);
      if (known < 0) this.mms.push(mm);
      if (known < 0 || name !== UNNAMED) this.names[known < 0 ? this.mms.length - 1 : known] = name;
    }
    const mms = Object.fromEntries(sharers);
    for (const fact of framesOf(mms, this.range)) this.facts.set(fact.pfn, fact);
    const owners = ownersOf(mms, this.range);
    const pages = this.mms.map((mm) => owners[sharers.findIndex(([, other]) => other === mm)]?.pages ?? []);
    return { pages, current: this.mms.indexOf(current?.mm as MmStruct) };
  }

  name(nth: number): string {
    return this.names[nth] ?? "the kernel";
  }

  get size(): number {
    return this.mms.length;
  }

  get frames(): FrameFacts[] {
    return [...this.facts.values()];
  }
}

/**
 * The family of `process` to step through while `act` forks, writes and exits:
 * `stepOwners(machine, alice, () => { alice.fork("bob"); alice.store(at, 1, 7); })`. At most 200 steps, and 64 frames.
 */
export function stepOwners(
  machine: Machine,
  process: Process,
  act: () => void,
  options: StepOwnersOptions = {},
): Stepper {
  checkArguments(
    "stepOwners()",
    { machine: Machine, process: Process, act: "function", options: { title: "text", range: RANGE } },
    [machine, process, act, options],
  );
  const cast = new Cast(process, options.range ?? {});
  const recorded = record(machine, act, { events: EVENTS, capture: () => cast.look() });
  const steps = recorded.steps.filter(
    ({ state }, i) => i === 0 || textOf(state) !== textOf(recorded.steps[i - 1]!.state),
  );
  const title = options.title ?? `Who maps which frame: the family of ${process.name}`;
  const labels = steps.map(({ event, label, state }, i) =>
    event === undefined ? label : labelOf(event, cast, state, steps[i - 1]!.state),
  );
  const draw = ({ pages }: Moment) => {
    const owners = Array.from({ length: cast.size }, (_, i) => ({
      name: cast.name(i),
      pages: pages[i] ?? [],
    }));
    return drawOwners({ title, owners, frames: cast.frames });
  };
  return stepper(
    steps.map(({ state }) => state),
    draw,
    { title, labels },
  );
}

const RANGE = { start: "integer", end: "integer" } as const;

/** What must be different for a step to be shown. An owner without pages is as good as none. */
function textOf({ pages }: Moment): string {
  return pages
    .map((of) => of.map((page) => Object.values(page).join()).join(" "))
    .join("|")
    .replace(/\|+$/, "");
}

function labelOf(event: RecordedEvent, cast: Cast, now: Moment, before: Moment): string {
  const address = hex(Number(event.fields.addr ?? 0));
  if (event.name === "pagewalk:copy_present_ptes") {
    const child = now.pages.findIndex((pages, i) => pages.length > (before.pages[i]?.length ?? 0));
    return `fork: the entry of ${address} is copied for ${cast.name(child)}, read-only for both`;
  }
  const who = cast.name(now.current);
  if (event.name !== "do_wp_page()") {
    const loser = now.pages.findIndex((pages, i) => pages.length < (before.pages[i]?.length ?? 0));
    return `${cast.name(loser)}'s entry of ${address} is taken away`;
  }
  const old = before.pages[now.current] ?? [];
  const page = now.pages[now.current]?.find(
    ({ va, pfn, writable }) =>
      !old.some((one) => one.va === va && one.pfn === pfn && one.writable === writable),
  );
  if (page === undefined) return `${who} writes`;
  const moved = !old.some(({ va, pfn }) => va === page.va && pfn === page.pfn);
  const what = moved
    ? `copied to frame ${hex(page.pfn)}`
    : `alone with frame ${hex(page.pfn)}, reused in place`;
  return `${who} writes ${hex(page.va)}: ${what}`;
}
