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
