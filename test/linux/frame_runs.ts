/**
 * Frames of a report as lists of pages, so that two reports can be compared although their frames are
 * numbered differently: ids count frames in the order of their appearance, so that one page that is missing
 * changes all that come behind it.
 */
import type { Json, StepRecord } from "../../lib/replay/record.js";

/** [first, n, ids from here on], [first, n, one id, 0], or [first, n, "Z"] for the zero page. */
type FrameRun = readonly [number, number, number | "Z", 0?];

interface AreaRecord {
  readonly frames?: readonly FrameRun[];
}
type Procs = Readonly<Record<string, { readonly areas?: readonly AreaRecord[] }>>;

/** By "process area page": which frame, in the areas that `of` says. */
function framesOf(step: StepRecord, of: (proc: string, area: number) => boolean): Map<string, number | "Z"> {
  const frames = new Map<string, number | "Z">();
  const { procs } = (step.report ?? { procs: {} }) as unknown as { procs: Procs };
  for (const [proc, { areas = [] }] of Object.entries(procs))
    for (const [i, area] of areas.entries())
      for (const [first, n, id, same] of of(proc, i) ? (area.frames ?? []) : [])
        for (let k = 0; k < n; k++)
          frames.set(`${proc} ${i} ${first + k}`, id === "Z" || same === 0 ? id : id + k);
  return frames;
}

/**
 * Whether the areas that `of` says hold a frame in the same places, and the same places have one frame
 * together.
 */
export function shareAlike(
  recorded: StepRecord,
  ours: StepRecord,
  of: (proc: string, area: number) => boolean,
): boolean {
  const theirs = framesOf(recorded, of);
  const mine = framesOf(ours, of);
  const known = new Map<number | "Z", number | "Z">();
  for (const [place, frame] of theirs) {
    const found = mine.get(place);
    if (found === undefined || (known.get(frame) ?? found) !== found) return false;
    if ((frame === "Z") !== (found === "Z")) return false;
    known.set(frame, found);
  }
  return mine.size === theirs.size && new Set(known.values()).size === known.size;
}

/** Whether every page that still was in its frame in the recorded run is so in ours. */
export function keptAtLeast(recorded: Json | undefined, ours: Json | undefined): boolean {
  const kept = new Set<number>();
  for (const [first, n, same] of (ours ?? []) as [number, number, boolean][])
    if (same) for (let k = 0; k < n; k++) kept.add(first + k);
  return ((recorded ?? []) as [number, number, boolean][]).every(([first, n, same]) => {
    return !same || Array.from({ length: n }, (_, k) => first + k).every((page) => kept.has(page));
  });
}
