/**
 * The policies once more, as plainly as possible: arrays that are searched, the front at index 0. What they do is what the text of a
 * paper says, sentence by sentence; nothing is shared with lib.
 */

/** Misses, and what is in memory after each access. */
export type Naive = (trace: readonly number[], capacity: number) => { misses: number; contents: number[] };

/** Makes a Naive of `step`, which changes `state` and says whether page number i of the trace was in memory. */
function naive<S>(
  start: (capacity: number) => S,
  step: (state: S, page: number, i: number, trace: readonly number[], capacity: number) => boolean,
  contents: (state: S) => readonly number[],
): Naive {
  return (trace, capacity) => {
    const state = start(capacity);
    let misses = 0;
    for (const [i, page] of trace.entries()) if (!step(state, page, i, trace, capacity)) misses++;
    return { misses, contents: [...contents(state)].sort((a, b) => a - b) };
  };
}

const drop = (list: number[], page: number): boolean => {
  const at = list.indexOf(page);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
};

export const fifo = naive(
  (): number[] => [],
  (queue, page, _i, _trace, capacity) => {
    if (queue.includes(page)) return true;
    if (queue.length === capacity) queue.pop();
    queue.unshift(page);
    return false;
  },
  (queue) => queue,
);

export const lru = naive(
  (): number[] => [],
  (list, page, _i, _trace, capacity) => {
    const hit = drop(list, page);
    if (list.length === capacity) list.pop();
    list.unshift(page);
    return hit;
  },
  (list) => list,
);

/** CLOCK as a queue: a page with a second chance goes round to the front, its bit cleared. */
export const clock = naive(
  (): { page: number; used: boolean }[] => [],
  (queue, page, _i, _trace, capacity) => {
    const found = queue.find((one) => one.page === page);
    if (found !== undefined) {
      found.used = true;
      return true;
    }
    while (queue.length === capacity) {
      const oldest = queue.pop()!;
      if (oldest.used) queue.unshift({ page: oldest.page, used: false });
    }
    queue.unshift({ page, used: false });
    return false;
  },
  (queue) => queue.map(({ page }) => page),
);

/** The page whose next use is furthest away goes. */
export const optimal = naive(
  (): number[] => [],
  (memory, page, i, trace, capacity) => {
    if (memory.includes(page)) return true;
    if (memory.length === capacity) {
      const nextUse = (one: number) => {
        const at = trace.indexOf(one, i + 1);
        return at < 0 ? Infinity : at;
      };
      const furthest = memory.reduce((a, b) => (nextUse(b) > nextUse(a) ? b : a));
      drop(memory, furthest);
    }
    memory.push(page);
    return false;
  },
  (memory) => memory,
);

/** Johnson and Shasha, 1994: "reclaimfor" and the three cases of an access. */
export const twoQ = naive(
  () => ({ a1in: [] as number[], a1out: [] as number[], am: [] as number[] }),
  ({ a1in, a1out, am }, page, _i, _trace, capacity) => {
    const [kin, kout] = [Math.floor(capacity / 4), Math.floor(capacity / 2)];
    const reclaim = () => {
      if (a1in.length + am.length < capacity) return;
      if (a1in.length > kin) {
        a1out.unshift(a1in.pop()!);
        if (a1out.length > kout) a1out.pop();
      } else am.pop();
    };
    if (drop(am, page)) {
      am.unshift(page);
      return true;
    }
    if (a1in.includes(page)) return true;
    if (drop(a1out, page)) {
      reclaim();
      am.unshift(page);
    } else {
      reclaim();
      a1in.unshift(page);
    }
    return false;
  },
  ({ a1in, am }) => [...a1in, ...am],
);

/** Megiddo and Modha, 2003, the four cases of figure 4. */
export const arc = naive(
  () => ({ p: 0, t1: [] as number[], t2: [] as number[], b1: [] as number[], b2: [] as number[] }),
  (s, x, _i, _trace, c) => {
    const { t1, t2, b1, b2 } = s;
    const replace = () => {
      if (t1.length >= 1 && ((b2.includes(x) && t1.length === s.p) || t1.length > s.p)) b1.unshift(t1.pop()!);
      else b2.unshift(t2.pop()!);
    };
    if (t1.includes(x) || t2.includes(x)) {
      drop(t1, x);
      drop(t2, x);
      t2.unshift(x);
      return true;
    }
    if (b1.includes(x)) {
      s.p = Math.min(c, s.p + (b1.length >= b2.length ? 1 : b2.length / b1.length));
      replace();
      drop(b1, x);
      t2.unshift(x);
      return false;
    }
    if (b2.includes(x)) {
      s.p = Math.max(0, s.p - (b2.length >= b1.length ? 1 : b1.length / b2.length));
      replace();
      drop(b2, x);
      t2.unshift(x);
      return false;
    }
    if (t1.length + b1.length === c) {
      if (t1.length < c) {
        b1.pop();
        replace();
      } else t1.pop();
    } else {
      const total = t1.length + b1.length + t2.length + b2.length;
      if (total >= c) {
        if (total === 2 * c) b2.pop();
        replace();
      }
    }
    t1.unshift(x);
    return false;
  },
  ({ t1, t2 }) => [...t1, ...t2],
);

/** Yang and others, 2023, algorithm 1. */
export const s3fifo = naive(
  () => ({ S: [] as number[], M: [] as number[], G: [] as number[], freq: new Map<number, number>() }),
  ({ S, M, G, freq }, x, _i, _trace, c) => {
    const share = Math.floor(0.9 * c + 1e-9);
    const evictM = () => {
      for (let evicted = false; !evicted && M.length > 0; ) {
        const t = M.pop()!;
        if (freq.get(t)! > 0) {
          M.unshift(t);
          freq.set(t, freq.get(t)! - 1);
        } else evicted = true;
      }
    };
    const evictS = () => {
      for (let evicted = false; !evicted && S.length > 0; ) {
        const t = S.pop()!;
        if (freq.get(t)! > 1) {
          M.unshift(t);
          freq.set(t, 0);
          if (M.length > share) evictM();
        } else {
          G.unshift(t);
          if (G.length > share) G.pop();
          evicted = true;
        }
      }
    };
    if (S.includes(x) || M.includes(x)) {
      freq.set(x, Math.min(freq.get(x)! + 1, 3));
      return true;
    }
    while (S.length + M.length === c) {
      if (S.length >= c / 10) evictS();
      else evictM();
    }
    if (drop(G, x)) M.unshift(x);
    else S.unshift(x);
    freq.set(x, 0);
    return false;
  },
  ({ S, M }) => [...S, ...M],
);

/** Zhang and others, 2024, algorithm 1: the head of the queue is at index 0. */
export const sieve = naive(
  () => ({
    T: [] as { page: number; visited: boolean }[],
    hand: undefined as { page: number; visited: boolean } | undefined,
  }),
  (s, x, _i, _trace, c) => {
    const { T } = s;
    const found = T.find(({ page }) => page === x);
    if (found !== undefined) {
      found.visited = true;
      return true;
    }
    if (T.length === c) {
      let at = s.hand === undefined ? T.length - 1 : T.indexOf(s.hand);
      while (T[at]!.visited) {
        T[at]!.visited = false;
        at = at === 0 ? T.length - 1 : at - 1;
      }
      s.hand = at === 0 ? undefined : T[at - 1];
      T.splice(at, 1);
    }
    T.unshift({ page: x, visited: false });
    return false;
  },
  ({ T }) => T.map(({ page }) => page),
);
