/**
 * Test bench of lab 06.5: when a machine thrashes, worked out from samples of its counters, and samples that
 * were made up.
 *
 *   growth since the base --> lost  = (system + iowait) / all time     most of the time is lost
 *                         --> back  = came back / taken                most of what is taken is wanted back
 *                                     both at once: the machine thrashes
 *
 * Neither alone says much: a program that starts loses its time, too, and a machine that has time to spare
 * may well take what is wanted again. Together they are as good on a disk as on zram, since both are shares.
 *
 * Not in Linux: who watches /proc/pressure/memory gets the first share, of time lost for memory alone (lab
 * 08).
 * Read next: thrash_runs.ts, machines to be judged.
 */
import type { Random } from "../../hw/random.js";

/** Counters of a machine at one moment, as lab 06.5 has them. */
export interface VmSample {
  ns: number;
  user: number;
  system: number;
  idle: number;
  iowait: number;
  pgsteal_anon: number;
  pgsteal_file: number;
  workingset_refault_anon: number;
  workingset_refault_file: number;
  workingset_activate_file: number;
  pswpin: number;
  pswpout: number;
  pgmajfault: number;
}

/** From when on a machine thrashes. */
export interface ThrashingRule {
  windowNs: number;
  begin: { lost: number; back: number };
  end: { lost: number; back: number };
}

/** The rule of the made-up samples. */
export const PLAIN_RULE: ThrashingRule = {
  windowNs: 100,
  begin: { lost: 0.5, back: 0.5 },
  end: { lost: 0.25, back: 0.25 },
};

/** What a sample shows since its base. */
interface Judged {
  readonly base: number | undefined;
  readonly lost: number;
  readonly all: number;
  readonly taken: number;
  readonly back: number;
  /** Whether the machine thrashed at the sample before. */
  readonly before: boolean;
  readonly thrashes: boolean;
}

/** The stretch of samples since the last start of the machine, for each sample: where it begins. */
function starts(samples: readonly VmSample[]): number[] {
  const found: number[] = [];
  for (const [i, sample] of samples.entries()) {
    const last = samples[i - 1];
    const anew =
      last !== undefined && Object.entries(last).some(([name, old]) => sample[name as keyof VmSample] < old);
    found.push(anew ? i : (found[i - 1] ?? 0));
  }
  return found;
}

function judge(samples: readonly VmSample[], rule: ThrashingRule): Judged[] {
  const judged: Judged[] = [];
  const begins = starts(samples);
  for (const [i, sample] of samples.entries()) {
    const old = samples
      .map(({ ns }, at) => ({ ns, at }))
      .filter(({ ns, at }) => {
        return at >= begins[i]! && at < i && sample.ns - ns >= rule.windowNs;
      });
    const base = old.at(-1)?.at;
    const before = judged[i - 1]?.thrashes ?? false;
    const grown = (...names: (keyof VmSample)[]): number =>
      base === undefined ? 0 : names.reduce((sum, name) => sum + sample[name] - samples[base]![name], 0);
    const lost = grown("system", "iowait");
    const all = grown("user", "system", "idle", "iowait");
    const taken = grown("pgsteal_anon", "pgsteal_file");
    const back = grown("workingset_refault_anon", "workingset_activate_file");
    const than = before ? rule.end : rule.begin;
    const thrashes = taken > 0 && all > 0 && lost / all > than.lost && back / taken > than.back;
    judged.push({ base, lost, all, taken, back, before, thrashes });
  }
  return judged;
}

/** When the machine thrashes. */
export function referenceThrashing(samples: readonly VmSample[], rule: ThrashingRule): boolean[] {
  return judge(samples, rule).map(({ thrashes }) => thrashes);
}

/** Why the answer for sample `at` is what it is. */
export function whyThrashing(samples: readonly VmSample[], rule: ThrashingRule, at: number): string {
  const { base, lost, all, taken, back, before } = judge(samples, rule)[at]!;
  if (base === undefined)
    return `sample ${at} has no base: no sample since the machine was started is ${rule.windowNs} ns older`;
  const state = before
    ? `it thrashed at the sample before, so rule.end counts (lost ${rule.end.lost}, back ${rule.end.back})`
    : `it did not thrash at the sample before, so rule.begin counts (lost ${rule.begin.lost}, back ${rule.begin.back})`;
  return `since sample ${base}, its base, ${lost} of ${all} ns are lost, and ${back} pages came back of ${taken} taken; ${state}`;
}

/** How much the counters grow from one made-up sample to the next. */
export type Growth = Partial<VmSample>;

const NOTHING: VmSample = {
  ...{ ns: 0, user: 0, system: 0, idle: 0, iowait: 0, pgsteal_anon: 0, pgsteal_file: 0 },
  ...{ workingset_refault_anon: 0, workingset_refault_file: 0, workingset_activate_file: 0 },
  ...{ pswpin: 0, pswpout: 0, pgmajfault: 0 },
};

/** Samples that grow so; the first is that of a machine that runs for long already. */
export function grownSamples(growths: readonly Growth[]): VmSample[] {
  let last: VmSample = { ...NOTHING };
  for (const name of Object.keys(last) as (keyof VmSample)[]) last[name] = 1000;
  const samples = [last];
  for (const growth of growths) {
    const next = { ...last };
    for (const [name, more] of Object.entries(growth)) next[name as keyof VmSample] += more;
    samples.push(next);
    last = next;
  }
  return samples;
}

/** Ten nanoseconds of a machine that thrashes, changed as `options` say. */
export function thrashingStep(options: Growth = {}): Growth {
  const pages = { pgsteal_anon: 20, workingset_refault_anon: 20, pswpin: 20, pswpout: 4, pgmajfault: 10 };
  return { ns: 10, user: 1, system: 1, idle: 0, iowait: 8, ...pages, ...options };
}

/** Random samples about where it is decided, at times after a start of the machine. */
export function randomSamples(random: Random): VmSample[] {
  const growths: Growth[] = [];
  let bad = 50;
  for (let i = 0; i < 40; i++) {
    if (random.chance(10)) bad = random.below(101);
    const lost = random.below(bad + 1);
    const taken = random.below(5);
    growths.push({
      ...{ ns: random.pick([5, 10, 10, 10, 30, 120]), iowait: lost, system: random.below(10) },
      ...{ user: random.below(101 - bad), idle: random.below(8), pgsteal_anon: taken },
      ...{ pgsteal_file: random.below(3), workingset_refault_anon: random.below(taken + 1) },
      ...{ workingset_activate_file: random.below(2), workingset_refault_file: random.below(9) },
      ...(random.chance(2) && { pswpin: -500 }),
    });
  }
  return grownSamples(growths);
}
