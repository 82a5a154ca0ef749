/**
 * Random numbers that are the same on every computer: the same seed gives the same run, always.
 *
 *   seed -> state -> +0x6d2b79f5 -> mix -> 32 random bits -> next state ...
 *
 * The generator is mulberry32, by Tommy Ettinger: one 32-bit word of state, a full period of 2^32, and good
 * enough for workloads and test data. It has no place in cryptography. Nothing a learner sees may come from
 * Math.random() or the host's clock.
 */
import { valueText } from "./options.js";

/**
 * A seeded source of random numbers. Not in Linux: there it is get_random_u32(), which is never repeatable.
 */
export class Random {
  private state: number;

  /** `seed` is any integer; only its low 32 bits count. */
  constructor(seed: number) {
    if (!Number.isInteger(seed)) throw new RangeError(`seed ${valueText(seed)} is not an integer`);
    this.state = seed | 0;
  }

  /** 32 random bits, 0 to 2^32 - 1. */
  u32(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A fraction from 0 (included) to 1 (excluded). */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  /** An integer from 0 to `limit - 1`; `limit` is at most 2^53. */
  below(limit: number): number {
    if (!(Number.isSafeInteger(limit) && limit > 0))
      throw new RangeError(`limit ${valueText(limit)} is not a positive integer`);
    if (limit <= 2 ** 32) return Math.floor(this.fraction() * limit);
    return Math.floor(((this.u32() >>> 11) * 2 ** 32 + this.u32()) * 2 ** -53 * limit);
  }

  /** An integer from `first` to `last`, both included. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** True in `percent` of 100 calls. */
  chance(percent: number): boolean {
    return this.fraction() * 100 < percent;
  }

  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}
