/**
 * Test bench of lab 07.5: a zone of 12 MiB whose free blocks a learner's allocator takes and gives back.
 *
 *   frames  0       512       1024     1536          2560          3072
 *           |movable|unmovable| urgent |   movable    | movable    |   the last 64 frames are not in the zone
 *
 *   operations --> take a block of an order and a type, give one back, a task waits for a block
 *
 *   afterwards     what was returned, and every free list: order, type, and its blocks from first to last
 *                  whether blocks overlap, lie at the wrong multiple, or frames are lost
 *
 * Not in Linux: a helper of the course. Read first: mm/pages/buddy.ts.
 */
import type { Random } from "../../hw/random.js";
import { type BuddyCore, FreeLinks, MAX_PAGE_ORDER, Zone } from "../../mm/pages/buddy.js";
import { MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE } from "../../mm/pages/migratetype.js";

const FRAMES = 3072;
/** Frames behind which the zone ends, in the middle of what could be a block. */
const END = FRAMES - 64;
const TYPES: readonly (readonly [number, string])[] = [
  [MIGRATE_MOVABLE, "movable"],
  [MIGRATE_UNMOVABLE, "unmovable"],
  [MIGRATE_HIGHATOMIC, "kept for urgent requests"],
];

/**
 * One operation: take a block, give the n-th taken one back, or let a task wait for a block of this order.
 */
export interface BuddyOp {
  readonly op: "take" | "free" | "wait";
  readonly order: number;
  readonly type: number;
  readonly nth: number;
}

/** A random operation. Not in Linux: a helper of the course. */
export function randomBuddyOp(random: Random): BuddyOp {
  const op = random.pick(["take", "take", "take", "free", "free", "free", "free", "wait"] as const);
  const order = random.chance(70) ? random.below(4) : random.below(MAX_PAGE_ORDER + 1);
  return { op, order, type: random.below(10) === 0 ? 2 : random.below(2), nth: random.below(40) };
}

/** An operation in words. Not in Linux: a helper of the course. */
export function buddyOpText({ op, order, type, nth }: BuddyOp): string {
  const block = `a block of order ${order} (${2 ** order} ${order === 0 ? "frame" : "frames"})`;
  if (op === "take") return `take ${block}, ${TYPES[type]![1]}`;
  return op === "free"
    ? `give back block ${nth} of those taken`
    : `a task waits for ${block}, ${TYPES[type]![1]}`;
}

/** Simpler operations. Not in Linux: a helper of the course. */
export function simplerBuddyOps(op: BuddyOp): BuddyOp[] {
  return [
    ...(op.nth > 0 ? [{ ...op, nth: 0 }] : []),
    ...(op.type > 0 ? [{ ...op, type: 0 }] : []),
    ...(op.order > 0 ? [{ ...op, order: 0 }] : []),
  ];
}

/** What one operation did. */
interface BuddyObservation {
  readonly did: string;
  readonly lists: readonly string[];
  readonly wrong: readonly string[];
}

/** Runs operations on a zone with `core`. Not in Linux: a helper of the course. */
export function* runBuddy(core: BuddyCore, operations: readonly BuddyOp[]): Generator<BuddyObservation> {
  const links = new FreeLinks(FRAMES);
  const zone = new Zone("Normal", 0, END, links);
  zone.core = core;
  links.pageblockType.fill(MIGRATE_UNMOVABLE, 1, 2);
  links.pageblockType.fill(MIGRATE_HIGHATOMIC, 2, 3);
  const taken: { pfn: number; order: number }[] = [];
  for (let block = 0; block < 5; block++) zone.freeOnePage(block * 512, 9);
  for (let pfn = 2560; pfn < END; pfn += 64) zone.freeOnePage(pfn, 6);
  for (const one of operations) {
    const did = act(zone, taken, one);
    yield { did, lists: listsOf(zone), wrong: wrongOf(zone, taken) };
  }
}

function act(zone: Zone, taken: { pfn: number; order: number }[], op: BuddyOp): string {
  const type = TYPES[op.type]![0];
  if (op.op === "take") {
    const pfn = zone.rmqueueSmallest(op.order, type);
    if (typeof pfn !== "number" || pfn < 0) return `gets ${String(pfn)}`;
    taken.push({ pfn, order: op.order });
    return `gets the block at frame ${pfn}`;
  }
  if (op.op === "wait") {
    zone.capture = { order: op.order, migratetype: type, pfn: -1 };
    return "waits";
  }
  if (taken.length === 0) return "nothing is taken";
  const [block] = taken.splice(op.nth % taken.length, 1) as [{ pfn: number; order: number }];
  zone.freeOnePage(block.pfn, block.order);
  const caught = zone.capture !== undefined && zone.capture.pfn >= 0 ? zone.capture : undefined;
  if (caught === undefined) return `gives back frame ${block.pfn}, order ${block.order}`;
  taken.push({ pfn: caught.pfn, order: caught.order });
  zone.capture = undefined;
  return `gives back frame ${block.pfn}; who waits gets the block at frame ${caught.pfn}`;
}

/** Every free list, its blocks from the first to the last. */
function listsOf(zone: Zone): string[] {
  const lists: string[] = [];
  for (let order = 0; order <= MAX_PAGE_ORDER; order++)
    for (const [type, name] of TYPES) {
      const blocks = blocksOf(zone, order, type);
      if (blocks.length > 0) lists.push(`order ${order}, ${name}: ${blocks.join(", ")}`);
    }
  return lists;
}

function blocksOf(zone: Zone, order: number, type: number): number[] {
  const blocks: number[] = [];
  for (let pfn = zone.freeArea[order]!.head[type]!; pfn >= 0 && blocks.length <= FRAMES; ) {
    blocks.push(pfn);
    pfn = zone.links.next[pfn]!;
  }
  return blocks;
}

/** Blocks that overlap, lie at the wrong multiple or outside; frames that are lost. */
function wrongOf(zone: Zone, taken: readonly { pfn: number; order: number }[]): string[] {
  const owner = new Map<number, string>();
  const wrong: string[] = [];
  const note = (pfn: number, order: number, what: string): void => {
    const text = `the ${what} block of order ${order} at frame ${pfn}`;
    if (pfn % 2 ** order !== 0) wrong.push(`${text} does not begin at a multiple of ${2 ** order}`);
    if (pfn + 2 ** order > END) wrong.push(`${text} reaches beyond the zone`);
    for (let i = 0; i < 2 ** order; i++) {
      const other = owner.get(pfn + i);
      if (other !== undefined && wrong.length === 0)
        wrong.push(`frame ${pfn + i} is in ${text} and in ${other}`);
      owner.set(pfn + i, text);
    }
  };
  for (const { pfn, order } of taken) note(pfn, order, "taken");
  for (let order = 0; order <= MAX_PAGE_ORDER; order++)
    for (const [type] of TYPES) for (const pfn of blocksOf(zone, order, type)) note(pfn, order, "free");
  if (wrong.length === 0 && owner.size !== END)
    wrong.push(`${END - owner.size} frames are lost: neither taken nor on a list`);
  return wrong;
}

/** An observation as text. Not in Linux: a helper of the course. */
export function buddyText({ did, lists, wrong }: BuddyObservation): string {
  return [did, ...lists, ...wrong].join("\n  ");
}

/** What is wrong in `got`, in a sentence. Not in Linux: a helper of the course. */
export function buddyMistake(got: BuddyObservation, expected: BuddyObservation): string | undefined {
  if (got.wrong.length > 0) return got.wrong[0];
  if (got.did !== expected.did) return `${got.did}; it should be: ${expected.did}`;
  const at = expected.lists.findIndex((text, i) => text !== got.lists[i]);
  if (at >= 0)
    return `Afterwards, ${got.lists[at] ?? "nothing more is free"}; it should be: ${expected.lists[at]}`;
  return got.lists.length > expected.lists.length
    ? `Afterwards, ${got.lists[expected.lists.length]}`
    : undefined;
}

/**
 * The script "t3 t0u f0 w9": take order 3, take order 0 unmovable (h: urgent), give back block 0, wait for
 * order 9.
 */
export function buddyScript(text: string): BuddyOp[] {
  return text.split(" ").map((word) => {
    const [, kind, digits, unmovable] = /^([tfw])(\d+)([uh]?)$/.exec(word)!;
    const n = Number(digits);
    const op = ({ t: "take", f: "free", w: "wait" } as const)[kind as "t" | "f" | "w"];
    return {
      op,
      order: op === "free" ? 0 : n,
      type: ["", "u", "h"].indexOf(unmovable!),
      nth: op === "free" ? n : 0,
    };
  });
}
