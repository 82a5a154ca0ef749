/**
 * Wrong answers to lab 05. Each is a change of the solution that learners really make; the grader must fail that task
 * and name the mistake (`says`).
 */

import type { WrongAnswer } from "../../../lib/course/grading/wrong.js";

const wrong = (task: string, name: string, find: string, replace: string, says: RegExp): WrongAnswer => ({
  task,
  name,
  find,
  replace,
  says,
});

const SPARE = "    state.referenced[state.hand] = false;\n    state.hand = next();\n";
const PLACE = "  state.pages[state.hand] = page;\n  state.hand = next();\n";
const HIT = "    state.referenced[frame] = true;\n    return true;";
const FOUND = "if (at >= 0) stack.splice(at, 1);";
const DISTANCE = "return at >= 0 ? at + 1 : Infinity;";
const COUNT = "if (distance <= maxFrames) hitsAt[distance]!++;";
const SHARE = "return distances.length === 0 ? 0 : misses / distances.length;";
const MIN = "const min = Math.floor((Math.floor(minFreeKbytes / 4) * managedPages) / lowmemPages);";
const GAP = "Math.max(Math.floor(min / 4), Math.floor((managedPages * watermarkScaleFactor) / 10000));";
const MARKS = "return { min, low: min + gap, high: min + 2 * gap, promo: min + 3 * gap };";
const FITS = "let free = freePages - (2 ** order - 1);";
const RESERVED = "if ((allocFlags & ALLOC_RESERVES) === 0) free -= zone.nrFreeHighatomic;";
const HALF = "    min -= Math.floor(min / 2);\n    if";
const QUARTER = "    if (allocFlags & ALLOC_NON_BLOCK) min -= Math.floor(min / 4);\n";
const VICTIM = "  if (allocFlags & ALLOC_OOM) min -= Math.floor(min / 2);\n";
const TEST = "if (free <= min + zone.lowmemReserve[highestZoneidx]!) return false;";
const BLOCK =
  "for (let o = order; o <= MAX_PAGE_ORDER; o++) if (zone.hasFreeBlock(o, highatomic)) return true;";

export const wrongAnswers: WrongAnswer[] = [
  // 05.1
  wrong(
    "05.1",
    "does not move the hand behind the new page",
    PLACE,
    PLACE.split("\n")[0]!,
    /hand stands one frame behind/,
  ),
  wrong(
    "05.1",
    "forgets to clear the bits that it passes",
    SPARE,
    "    state.hand = next();\n    if (state.hand === 0) state.referenced.fill(false);\n",
    /clears? the bits? of|clears them all|the bit is cleared/,
  ),
  wrong(
    "05.1",
    "gives no second chance",
    "while (state.referenced[state.hand]) {",
    "while (state.hand < 0) {",
    /spared once|takes the first frame with a clear bit/,
  ),
  wrong(
    "05.1",
    "counts bringing a page in as a use",
    PLACE,
    `  state.referenced[state.hand] = true;\n${PLACE}`,
    /does not count as a use/,
  ),
  wrong(
    "05.1",
    "moves the hand at a hit",
    HIT,
    "    state.referenced[frame] = true;\n    state.hand = (state.hand + 1) % state.pages.length;\n    return true;",
    /hit does not move the hand/,
  ),
  wrong("05.1", "does not note a hit", HIT, "    return true;", /hit sets the referenced bit/),
  wrong(
    "05.1",
    "runs off the last frame",
    "(state.hand + 1) % state.pages.length",
    "state.hand + 1",
    /after the last frame comes frame 0/,
  ),
  wrong(
    "05.1",
    "turns the hand the other way",
    "(state.hand + 1) % state.pages.length",
    "(state.hand + state.pages.length - 1) % state.pages.length",
    /one frame behind|first frame with a clear bit/,
  ),
  wrong(
    "05.1",
    "takes frame 0 for no frame",
    "if (frame >= 0) {",
    "if (frame > 0) {",
    /no page is brought in/,
  ),
  wrong(
    "05.1",
    "keeps the hand where the search began",
    PLACE,
    "  state.pages[state.hand] = page;\n  state.hand = (frame + 2) % state.pages.length;\n",
    /one frame behind|stands/,
  ),
  wrong(
    "05.1",
    "says miss for a hit",
    HIT,
    "    state.referenced[frame] = true;\n    return false;",
    /that is a hit/,
  ),
  // 05.2
  wrong("05.2", "leaves out the page itself", DISTANCE, "return at >= 0 ? at : Infinity;", /itself/),
  wrong(
    "05.2",
    "keeps the page where it was",
    FOUND,
    "if (at >= 0) return at + 1;",
    /page is in front again|from the last use|last use of page 1|once each/,
  ),
  wrong(
    "05.2",
    "puts the page in front without taking it out",
    FOUND,
    "",
    /different pages|counts once|once each/,
  ),
  wrong("05.2", "says 0 at the first use", DISTANCE, "return at + 1;", /Infinity/),
  wrong(
    "05.2",
    "counts accesses, not pages",
    "    const at = stack.indexOf(page);\n",
    "    const at = stack.indexOf(page);\n    if (at >= 0) stack.unshift(stack[0]!);\n",
    /counts once|different pages|itself/,
  ),
  wrong(
    "05.2",
    "takes place 0 for not found",
    FOUND,
    "if (at > 0) stack.splice(at, 1);",
    /counts once|once each|itself|random|part/,
  ),
  wrong(
    "05.2",
    "calls a distance of exactly the size a miss",
    COUNT,
    "if (distance < maxFrames) hitsAt[distance + 1]!++;",
    /not more than the number of frames/,
  ),
  wrong(
    "05.2",
    "stops one size too early",
    "new Array<number>(maxFrames + 1)",
    "new Array<number>(maxFrames)",
    /maxFrames \+ 1 values|not more than|every access misses|step/,
  ),
  wrong(
    "05.2",
    "gives hits in place of misses",
    SHARE,
    "return distances.length === 0 ? 0 : 1 - misses / distances.length;",
    /misses/,
  ),
  wrong("05.2", "gives counts in place of shares", SHARE, "return misses;", /misses|ratio/),
  wrong("05.2", "divides by nothing", SHARE, "return misses / distances.length;", /not NaN/),
  wrong(
    "05.2",
    "does not add up the sizes",
    "    misses -= hits;\n    return distances.length === 0 ? 0 : misses / distances.length;",
    "    return distances.length === 0 ? 0 : (misses - hits) / distances.length;",
    /not more than the number of frames|misses/,
  ),
  // 05.3
  wrong(
    "05.3",
    "takes kB for pages",
    MIN,
    MIN.replace("minFreeKbytes / 4", "minFreeKbytes"),
    /pages of 4 kB/,
  ),
  wrong(
    "05.3",
    "gives every zone all of min_free_kbytes",
    MIN,
    "const min = Math.floor(minFreeKbytes / 4);",
    /in proportion/,
  ),
  wrong(
    "05.3",
    "rounds only at the end",
    MIN,
    "const min = Math.floor(((minFreeKbytes / 4) * managedPages) / lowmemPages);",
    /rounded down to pages first/,
  ),
  wrong("05.3", "forgets the scale factor", GAP, "Math.floor(min / 4);", /scale_factor/),
  wrong(
    "05.3",
    "adds both gaps",
    GAP,
    "Math.floor(min / 4) + Math.floor((managedPages * watermarkScaleFactor) / 10000);",
    /gap is a quarter of min where that is more|scale_factor|min_free_kbytes/,
  ),
  wrong(
    "05.3",
    "takes percents for ten-thousandths",
    GAP,
    GAP.replace("10000", "100"),
    /scale_factor|pages of 4 kB|min_free_kbytes/,
  ),
  wrong(
    "05.3",
    "lays high one gap above min",
    MARKS,
    "return { min, low: min + gap, high: min + gap, promo: min + 2 * gap };",
    /high/,
  ),
  wrong(
    "05.3",
    "lets as much as the mark pass (>= for >)",
    TEST,
    TEST.replace("<=", "<"),
    /strictly greater|MORE than the mark/,
  ),
  wrong(
    "05.3",
    "forgets the lowmem reserve",
    TEST,
    "if (free <= min) return false;",
    /reserve counts on top of the mark/,
  ),
  wrong(
    "05.3",
    "takes the zone's own reserve, not the one for highestZoneidx",
    TEST,
    TEST.replace("[highestZoneidx]", "[1]"),
    /the one for highestZoneidx/,
  ),
  wrong("05.3", "forgets that the block must fit", FITS, "let free = freePages;", /2\^order - 1 pages fewer/),
  wrong(
    "05.3",
    "takes off the whole block",
    FITS,
    "let free = freePages - 2 ** order;",
    /strictly greater|MORE than/,
  ),
  wrong("05.3", "lets everybody use blocks for the urgent", RESERVED, "", /of no use, unless/),
  wrong(
    "05.3",
    "keeps blocks for the urgent from the urgent",
    RESERVED,
    "free -= zone.nrFreeHighatomic;",
    /of no use, unless/,
  ),
  wrong(
    "05.3",
    "gives the urgent a quarter only",
    HALF,
    HALF.replace("min / 2", "min / 4"),
    /half of the mark is taken off/,
  ),
  wrong(
    "05.3",
    "lets those who cannot wait go below the mark though they are not urgent",
    QUARTER,
    "  }\n  if (allocFlags & ALLOC_NON_BLOCK) {\n    min -= Math.floor(min / 4);\n",
    /alone is not urgent/,
  ),
  wrong(
    "05.3",
    "takes a quarter of the mark, not of what is left",
    QUARTER,
    QUARTER.replace("min / 4", "mark / 4"),
    /quarter of what is left/,
  ),
  wrong("05.3", "gives a victim nothing", VICTIM, "", /victim of the OOM killer/),
  wrong(
    "05.3",
    "reduces the reserve as well",
    TEST,
    "if (free <= min + Math.floor((zone.lowmemReserve[highestZoneidx]! * min) / Math.max(1, mark))) return false;",
    /only the mark is/,
  ),
  wrong(
    "05.3",
    "asks for a block of exactly this order",
    BLOCK,
    "if (zone.hasFreeBlock(order, highatomic)) return true;",
    /this order or a larger one/,
  ),
  wrong("05.3", "asks for no block at all", BLOCK, "return true;", /small pieces/),
  wrong(
    "05.3",
    "forgets the largest order",
    BLOCK,
    BLOCK.replace("o <= MAX", "o < MAX"),
    /this order or a larger one/,
  ),
  wrong(
    "05.3",
    "takes blocks for the urgent for everybody's",
    BLOCK,
    BLOCK.replace("o, highatomic", "o, true"),
    /count only with/,
  ),
];
