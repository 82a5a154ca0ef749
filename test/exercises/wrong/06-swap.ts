/**
 * Wrong answers to lab 06. Each is a change of the solution that learners really make; the grader must fail
 * that task and name the mistake (`says`).
 */

import type { WrongAnswer } from "../../../lib/course/grading/wrong.js";

const wrong = (task: string, name: string, find: string, replace: string, says: RegExp): WrongAnswer => ({
  task,
  name,
  find,
  replace,
  says,
});

// ---- 06.1
const INVERT = "~BigInt(place.offset) & ((1n << 50n) - 1n)";
const PACK = "let pte = (BigInt(place.type) << 59n) | (inverted << 9n);";
const NONE = "if (pte === 0n || (pte & 0x101n) !== 0n) return undefined;";
const OTHERS = "if (type >= 24) return undefined;";
const OFFSET = "Number(~(pte >> 9n) & ((1n << 50n) - 1n))";

// ---- 06.2
const SKIP = "if (ci.count === SWAPFILE_CLUSTER || ci.flags === CLUSTER_FLAG_DISCARD) continue;";
const TABLE = "if (ci.table === undefined && !swapClusterAllocTable(sys, ci)) return 0;";
const FREE = "if (si.swapMap[offset] !== 0) continue;";
const MARK = "        si.swapMap[offset] = SWAP_HAS_CACHE;\n";
const RANGE = "        swapRangeAlloc(sys, si, 1);\n";
const REFUSE = "if (value === 0 || count === SWAP_MAP_BAD) return -ENOENT;";
const COUNTED = "si.swapMap[offset] = (count + usage) | hasCache;";
const CONTINUED =
  "else if (swapCountContinued(sys, si, offset, count)) si.swapMap[offset] = COUNT_CONTINUED | hasCache;";
const LEFT = "  if (left !== 0) si.swapMap[offset] = left;\n  else swapEntriesFree(sys, si, offset, 1);";
const DOWN =
  "count = swapCountContinued(sys, si, offset, count) ? SWAP_MAP_MAX | COUNT_CONTINUED : SWAP_MAP_MAX;";

// ---- 06.5
const ANEW = "if (names.some((name) => sample[name] < before[name])) first = i;";
const BASE = "while (at >= first && samples[at]!.ns > sample.ns - rule.windowNs) at--;";
const EMPTY = "    if (at < first) {\n      thrashes = false;\n      return false;\n    }\n";
const LOST = 'const lost = since("system") + since("iowait");';
const ALL = 'const all = lost + since("user") + since("idle");';
const TAKEN = 'const taken = since("pgsteal_anon") + since("pgsteal_file");';
const BACK = 'const back = since("workingset_refault_anon") + since("workingset_activate_file");';
const SHARES = "const shares = thrashes ? rule.end : rule.begin;";
const VERDICT = "thrashes = taken > 0 && lost > shares.lost * all && back > shares.back * taken;";

export const wrongAnswers: WrongAnswer[] = [
  // ---- 06.1
  wrong("06.1", "does not invert the offset", INVERT, "BigInt(place.offset)", /bits are inverted/),
  wrong(
    "06.1",
    "inverts without an end",
    INVERT,
    "~BigInt(place.offset)",
    /bits are inverted[\s\S]*no number of 64/,
  ),
  wrong("06.1", "inverts 49 bits", INVERT, INVERT.replace("50n", "49n"), /50 bits are inverted/),
  wrong(
    "06.1",
    "inverts as a number, 32 bits",
    INVERT,
    "BigInt(~place.offset >>> 0)",
    /50 bits are inverted/,
  ),
  wrong("06.1", "inverts the type, too", PACK, PACK.replace("place.type", "31 - place.type"), /inverted/),
  wrong(
    "06.1",
    "puts the type at bit 58",
    PACK,
    PACK.replace("59n", "58n"),
    /type is not inverted, and begins at bit 59/,
  ),
  wrong(
    "06.1",
    "puts the offset at bit 12, where frames are",
    PACK,
    PACK.replace("9n);", "12n);"),
    /inverted|bit 9/,
  ),
  wrong("06.1", "sets exclusive in bit 2", "pte |= 1n << 3n", "pte |= 1n << 2n", /exclusive is bit 3/),
  wrong(
    "06.1",
    "takes the two bits for each other",
    "if (place.softDirty) pte |= 1n << 1n",
    "if (place.softDirty) pte |= 1n << 3n",
    /soft-dirty is bit 1/,
  ),
  wrong("06.1", "sets the present bit", PACK, PACK.replace(";", " | 1n;"), /bits 8 to 0 000000001/),
  wrong(
    "06.1",
    "takes the empty entry for a place",
    NONE,
    NONE.replace("pte === 0n || ", ""),
    /empty entry is nothing/,
  ),
  wrong(
    "06.1",
    "takes a page in RAM for one in swap",
    NONE,
    NONE.replace("0x101n", "0x100n"),
    /bit 0 set: the page is in RAM/,
  ),
  wrong("06.1", "does not know PROT_NONE", NONE, NONE.replace("0x101n", "0x1n"), /PROT_NONE/),
  wrong("06.1", "takes other notes for places in swap", OTHERS, "", /other notes/),
  wrong(
    "06.1",
    "knows only 23 areas",
    OTHERS,
    OTHERS.replace(">=", "> 22 || type >="),
    /type 23 is the last/,
  ),
  wrong("06.1", "takes type 24 for an area", OTHERS, OTHERS.replace(">=", ">"), /types from 24 on/),
  wrong("06.1", "does not invert on the way back", OFFSET, OFFSET.replace("~", ""), /comes back inverted/),
  wrong(
    "06.1",
    "inverts what it has not cut off",
    OFFSET,
    "Number(~(pte >> 9n) & ((1n << 55n) - 1n))",
    /comes back inverted|only they/,
  ),
  wrong("06.1", "cuts the offset to 32 bits", OFFSET, "Number(~(pte >> 9n) & 0xffff_ffffn)", /all 50 bits/),
  wrong(
    "06.1",
    "takes every low bit for exclusive",
    "(pte & (1n << 3n)) !== 0n",
    "(pte & 0xfdn) !== 0n",
    /other people|bits 2 and 4 to 7/,
  ),
  // ---- 06.2
  wrong(
    "06.2",
    "takes slots that only the swap cache has",
    FREE,
    "if ((si.swapMap[offset]! & ~SWAP_HAS_CACHE) !== 0) continue;",
    /which is not free: its byte was 0x40/,
  ),
  wrong(
    "06.2",
    "takes bad slots",
    FREE,
    "if (si.swapMap[offset] !== 0 && si.swapMap[offset] !== SWAP_MAP_BAD) continue;",
    /slot 0 of .* is the area's header/,
  ),
  wrong(
    "06.2",
    "marks the slot with a count of 1",
    MARK,
    "        si.swapMap[offset] = 1;\n",
    /leaves its byte 0x1 \(count 1\); it should be 0x40/,
  ),
  wrong("06.2", "does not mark the slot", MARK, "", /leaves its byte 0x0 \(free\)/),
  wrong("06.2", "forgets the cluster's count", "        ci.count++;\n", "", /its cluster's count is/),
  wrong("06.2", "forgets the area's count", RANGE, "", /should be one more \(swapRangeAlloc\)/),
  wrong(
    "06.2",
    "leaves the cluster on its old list",
    "        relocateCluster(sys, si, ci);\n",
    "",
    /\(relocateCluster\)/,
  ),
  wrong(
    "06.2",
    "uses the areas in the order of their numbers",
    "for (const si of sys.swap.availHead)",
    "for (const si of sys.swap.swapInfo.filter((one) => one !== undefined))",
    /\(priority 3\), but .* \(priority 7\) has/,
  ),
  wrong(
    "06.2",
    "gives up when the first area is full",
    "for (const si of sys.swap.availHead)",
    "for (const si of sys.swap.swapInfo.filter((one) => one?.prio === 7 || one?.type === 0).slice(-1) as SwapInfoStruct[])",
    /swapAlloc returns 0, but .* has \d+ free slots/,
  ),
  wrong("06.2", "uses clusters that have no table", TABLE, "", /has no table \(swapClusterAllocTable\)/),
  wrong(
    "06.2",
    "takes slots in a cluster that is being emptied",
    SKIP,
    "if (ci.count === SWAPFILE_CLUSTER) continue;",
    /being emptied/,
  ),
  wrong(
    "06.2",
    "knows only the first cluster",
    SKIP,
    "if (ci.index > 0 || ci.count === SWAPFILE_CLUSTER) continue;",
    /swapAlloc returns 0, but .* has \d+ free slots/,
  ),
  wrong("06.2", "gives one slot for a larger folio", "if (order > 0) return 0;", "", /only single pages/),
  wrong("06.2", "shares bad slots", REFUSE, "if (value === 0) return -ENOENT;", /free or bad: -ENOENT/),
  wrong("06.2", "shares free slots", REFUSE, "if (count === SWAP_MAP_BAD) return -ENOENT;", /free or bad/),
  wrong("06.2", "gives a slot two folios", "if (hasCache !== 0) return -EEXIST;", "", /never two: -EEXIST/),
  wrong(
    "06.2",
    "forgets the count when a folio comes",
    "si.swapMap[offset] = value | SWAP_HAS_CACHE;",
    "si.swapMap[offset] = SWAP_HAS_CACHE;",
    /SWAP_HAS_CACHE is set, the count stays/,
  ),
  wrong(
    "06.2",
    "forgets the folio when an entry comes",
    COUNTED,
    "si.swapMap[offset] = count + usage;",
    /SWAP_HAS_CACHE is not part of the count, and stays/,
  ),
  wrong(
    "06.2",
    "counts a file's slot up",
    "if (low > SWAP_MAP_MAX) return -EINVAL;",
    "if (low > SWAP_MAP_MAX) return 0;",
    /counted once and no more: -EINVAL/,
  ),
  wrong(
    "06.2",
    "counts in the byte to 63, which means bad",
    "if (low < SWAP_MAP_MAX) si",
    "if (low <= SWAP_MAP_MAX) si",
    /62 entries, and no page to go on in/,
  ),
  wrong(
    "06.2",
    "keeps the 62 in the byte when the count goes on elsewhere",
    CONTINUED,
    CONTINUED.replace("COUNT_CONTINUED | hasCache", "COUNT_CONTINUED | count | hasCache"),
    /more entries than a byte can count/,
  ),
  wrong("06.2", "does not count the one that goes", "  else count--;\n", "", /the count is 1 less|1 less/),
  wrong(
    "06.2",
    "frees the slot while a folio has it",
    LEFT,
    LEFT.replace("left !== 0", "count !== 0"),
    /the folio still has the slot/,
  ),
  wrong(
    "06.2",
    "frees the slot when the folio goes, while entries name it",
    LEFT,
    LEFT.replace("left !== 0", "hasCache !== 0"),
    /the bit goes, the count stays|the count is 1 less/,
  ),
  wrong(
    "06.2",
    "tells nobody that the slot is free",
    LEFT,
    "  si.swapMap[offset] = left;",
    /the last one goes: swapEntriesFree/,
  ),
  wrong(
    "06.2",
    "never frees a file's slot",
    "else if (count === SWAP_MAP_SHMEM) count = 0;",
    "",
    /the file gives it up/,
  ),
  wrong(
    "06.2",
    "stops counting down at 62",
    DOWN,
    "count = SWAP_MAP_MAX;",
    /more entries than a byte can count/,
  ),
  wrong(
    "06.2",
    "takes the count that goes on for 128",
    "else if (count === COUNT_CONTINUED)\n    count =",
    "else if (count > COUNT_CONTINUED + 200)\n    count =",
    /more entries than a byte can count/,
  ),
  // ---- 06.5
  wrong(
    "06.5",
    "takes all that goes out for thrashing",
    VERDICT,
    "thrashes = taken > 0 && lost > shares.lost * all;",
    /none comes back: no thrashing/,
  ),
  wrong(
    "06.5",
    "takes a few refaults for thrashing",
    VERDICT,
    "thrashes = taken > 0 && back > shares.back * taken;",
    /loses little|only both together/,
  ),
  wrong(
    "06.5",
    "takes either sign for thrashing",
    VERDICT,
    VERDICT.replace("all && back", "all || back"),
    /no thrashing|loses little/,
  ),
  wrong(
    "06.5",
    "takes pages that come back into free memory for thrashing",
    VERDICT,
    VERDICT.replace("taken > 0 && ", ""),
    /nothing more is taken/,
  ),
  wrong(
    "06.5",
    "begins at the threshold",
    VERDICT,
    VERDICT.replace("lost >", "lost >="),
    /just half is not more|nothing is lost/,
  ),
  wrong(
    "06.5",
    "begins when just half comes back",
    VERDICT,
    VERDICT.replace("back >", "back >="),
    /just half of what was taken is not more/,
  ),
  wrong(
    "06.5",
    "has one threshold for both ways",
    SHARES,
    "const shares = rule.begin;",
    /but enough to go on/,
  ),
  wrong(
    "06.5",
    "mixes the two thresholds up",
    SHARES,
    "const shares = thrashes ? rule.begin : rule.end;",
    /just half is not more|not enough to begin/,
  ),
  wrong(
    "06.5",
    "does not use the rule's shares",
    SHARES,
    "const shares = thrashes ? { lost: 0.25, back: 0.25 } : { lost: 0.5, back: 0.5 };",
    /the shares are the rule's/,
  ),
  wrong("06.5", "forgets the kernel's time", LOST, 'const lost = since("iowait");', /zram/),
  wrong("06.5", "forgets the waiting", LOST, 'const lost = since("system");', /it thrashes|a disk/),
  wrong(
    "06.5",
    "takes idle time for lost",
    LOST,
    'const lost = since("system") + since("iowait") + since("idle");',
    /does nothing most of the time/,
  ),
  wrong(
    "06.5",
    "leaves idle time out of all time",
    ALL,
    'const all = lost + since("user");',
    /does nothing most of the time/,
  ),
  wrong(
    "06.5",
    "counts files that are only read again",
    BACK,
    BACK.replace("activate_file", "refault_file"),
    /too late to be missed/,
  ),
  wrong(
    "06.5",
    "counts anonymous pages alone",
    BACK,
    'const back = since("workingset_refault_anon");',
    /workingset_activate_file/,
  ),
  wrong(
    "06.5",
    "counts what was written to swap as taken",
    TAKEN,
    'const taken = since("pswpout");',
    /less|clean|more than half|read-ahead|taken/,
  ),
  wrong(
    "06.5",
    "counts only anonymous pages as taken",
    TAKEN,
    'const taken = since("pgsteal_anon");',
    /taken count together|are missed count/,
  ),
  wrong(
    "06.5",
    "counts every read from swap as back",
    BACK,
    'const back = since("pswpin");',
    /workingset_activate_file|came back count together|read-ahead/,
  ),
  wrong(
    "06.5",
    "compares with the sample before, whatever the window",
    BASE,
    "at--;",
    /window is not full|it thrashes/,
  ),
  wrong(
    "06.5",
    "compares with the first sample of all",
    BASE,
    "at = samples[first]!.ns > sample.ns - rule.windowNs ? first - 1 : first;",
    /it ends when little is lost[\s\S]*since sample 11, its base/,
  ),
  wrong(
    "06.5",
    "wants a base older than the window",
    BASE,
    BASE.replace("ns > sample", "ns >= sample"),
    /just windowNs older is old enough|it thrashes/,
  ),
  wrong(
    "06.5",
    "goes on without a base",
    EMPTY,
    "    if (at < first) return thrashes;\n",
    /thrashing must begin again|window is empty/,
  ),
  wrong("06.5", "does not notice a new start", ANEW, "", /started anew/),
  wrong(
    "06.5",
    "notices a new start by the clock only",
    ANEW,
    "if (sample.ns < before.ns) first = i;",
    /started anew|any counter tells/,
  ),
];
