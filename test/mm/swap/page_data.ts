/**
 * Pages as programs have them: what compression is tried on.
 */
import fc from "fast-check";
import { Random } from "../../../lib/hw/random.js";

const PAGE = 4096;
const WORDS =
  "the page frame of a process is not in memory so that kernel must read it again from swap ".split(" ");

/** Bytes that cannot be compressed. */
export function randomPage(seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: PAGE }, () => random.below(256));
}

/** Text in a few words. */
export function textPage(seed: number): Uint8Array {
  const random = new Random(seed);
  let text = "";
  while (text.length < PAGE) text += `${WORDS[random.below(WORDS.length)]!} `;
  return new TextEncoder().encode(text).slice(0, PAGE);
}

/** A heap: pointers with the same upper half, small numbers, holes of zeros. */
export function heapPage(seed: number): Uint8Array {
  const random = new Random(seed);
  const page = new Uint8Array(PAGE);
  const view = new DataView(page.buffer);
  for (let at = 0; at < PAGE; at += 8) {
    const kind = random.below(4);
    if (kind === 0) view.setBigUint64(at, 0x7f12_3400_0000n + BigInt(random.below(2 ** 20) * 16), true);
    else if (kind === 1) view.setUint32(at, random.below(1000), true);
  }
  return page;
}

/** One of the above, or a page that is random up to some byte, or made of pieces of itself. */
export const anyPage: fc.Arbitrary<Uint8Array> = fc
  .record({ kind: fc.nat(5), seed: fc.nat(2 ** 31 - 1), cut: fc.nat(PAGE) })
  .map(({ kind, seed, cut }) => {
    if (kind === 0) return randomPage(seed);
    if (kind === 1) return textPage(seed);
    if (kind === 2) return heapPage(seed);
    if (kind === 3) return new Uint8Array(PAGE).fill(seed % 256);
    const page = randomPage(seed);
    if (kind === 4) return page.fill(seed % 7, cut);
    for (let at = cut; at < PAGE; at++) page[at] = page[(at * (1 + (seed % 13))) % Math.max(1, cut)]!;
    return page;
  });

/** Pages of all kinds, the same each time: what test/mm/swap/zram_recorded.json was recorded with. */
export function recordedPages(): Uint8Array[] {
  return Array.from({ length: 240 }, (_, i) => {
    const kind = i % 7;
    if (kind === 0) return textPage(i);
    if (kind === 1 || kind === 6) return heapPage(i);
    if (kind === 2) return randomPage(i).fill(i % 7, (i * 37) % PAGE);
    if (kind === 3) return randomPage(i).map((byte) => byte % (2 + (i >> 2)));
    if (kind === 4) return i % 4 === 0 ? randomPage(i) : new Uint8Array(PAGE).fill(i);
    const page = randomPage(i);
    for (let at = 200; at < PAGE; at++) page[at] = page[at - 1 - ((at * i) % 199)]!;
    return page;
  });
}
