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

// ---- 06.3
const CACHED = "let folio = swapCacheGetFolio(sys, entry);";
const FOUND = "if (folio !== undefined) swapUpdateReadahead(sys, folio, vmf.vma, vmf.address);";
const DIRECT = "direct = (si.flags & SWP_SYNCHRONOUS_IO) !== 0 && swapEntryCount(sys, entry) === 1;";
const NO_FOLIO = "return vmfPteChanged(vmf) ? 0 : VM_FAULT_OOM;";
const RETRY =
  "if (vmf.flags & FAULT_FLAG_ALLOW_RETRY && !(vmf.flags & FAULT_FLAG_TRIED)) ret |= VM_FAULT_RETRY;";
const EXCLUSIVE = "direct || (pteSwpExclusive(origPte) && !(folioIsWriteback(sys, folio) && stable));";
const GIVE_UP = "if (useless || (write && folio.refcount === 2)) folioFreeSwap(sys, folio);";
const MAY_WRITE = "if (own && !pteNeedsSoftDirtyWp(vma, pte)) {";
const CLEAR = "  if (direct) swapcacheClear(sys, si, entry);\n";

// ---- 06.4
const NO_SWAP = "if (!sc.maySwap || !canReclaimAnonPages(sys, lruvec.memcg))";
const GROUP = '  else if (sc.targetMemcg !== undefined && swappiness === 0) balance = "file";\n';
const LAST = "else if (sc.priority === 0 && swappiness !== 0)";
const TINY = '  else if (sc.fileIsTiny) balance = "anon";\n';
const TRIM = '  else if (sc.cacheTrimMode) balance = "file";\n';
const AP = "Math.floor((swappiness * (anon + file + 1)) / (anon + 1));";
const SCAN = "Math.floor(lruvecLruSize(sys, lruvec, list, sc.reclaimIdx) / 2 ** sc.priority);";
const SHARE = 'Math.floor((scan * (type === "anon" ? ap : fp)) / (ap + fp));';

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
  // ---- 06.3
  wrong(
    "06.3",
    `does not look into the swap cache`,
    CACHED,
    "let folio = si.max < 0 ? swapCacheGetFolio(sys, entry) : undefined;",
    /nothing is read, and the fault is minor/,
  ),
  wrong(
    "06.3",
    `calls every fault in swap major`,
    FOUND,
    `${FOUND}\n  if (folio !== undefined) ret = VM_FAULT_MAJOR;`,
    /the fault is minor/,
  ),
  wrong(
    "06.3",
    `reads directly though others have the slot`,
    DIRECT,
    "direct = (si.flags & SWP_SYNCHRONOUS_IO) !== 0;",
    /two entries name the slot/,
  ),
  wrong(
    "06.3",
    `kills for want of memory where another was faster`,
    NO_FOLIO,
    "return VM_FAULT_OOM;",
    /no lack of memory/,
  ),
  wrong(
    "06.3",
    `asks for another try again and again`,
    RETRY,
    "if (vmf.flags & FAULT_FLAG_ALLOW_RETRY) ret |= VM_FAULT_RETRY;",
    /at the second try/,
  ),
  wrong(
    "06.3",
    `does not look whether the folio is still the slot's`,
    " || (!direct && !folioMatchesSwapEntry(folio, entry))",
    "",
    /not the slot's any more/,
  ),
  wrong(
    "06.3",
    `does not look at the entry again`,
    " || vmfPteChanged(vmf);",
    ";",
    /another thread has mapped the page meanwhile/,
  ),
  wrong(
    "06.3",
    `forgets to let go of a folio that it does not map`,
    "    folioPut(sys, folio);\n",
    "",
    /let go of it|is held/,
  ),
  wrong(
    "06.3",
    `maps what could not be read`,
    "if (stop || !uptodate) {",
    "if (stop) {",
    /the device failed/,
  ),
  wrong(
    "06.3",
    `calls swapcacheClear only behind a mapping`,
    CLEAR,
    "  if (direct && !stop) swapcacheClear(sys, si, entry);\n",
    /swapcacheClear/,
  ),
  wrong(
    "06.3",
    `does not go on to doWpPage`,
    "    if (vmf.flags & FAULT_FLAG_WRITE) ret |= sys.parts.doWpPage(vmf);\n",
    "",
    /done in the same fault \(doWpPage\)/,
  ),
  wrong("06.3", `takes every folio for exclusive`, EXCLUSIVE, "true;", /exclusive/),
  wrong(
    "06.3",
    `lets a page change while it is written`,
    EXCLUSIVE,
    "direct || pteSwpExclusive(origPte);",
    /still being written to a device/,
  ),
  wrong(
    "06.3",
    `does not give the slot's count back`,
    "  swapFreeNr(sys, entry, 1);\n",
    "",
    /Slot 1 counts 1 entries, but no entry names it/,
  ),
  wrong(
    "06.3",
    `keeps the slot of a page that is written`,
    GIVE_UP,
    "if (useless) folioFreeSwap(sys, folio);",
    /written differs from its slot/,
  ),
  wrong(
    "06.3",
    `does not empty the batches before it counts`,
    "  if (write && !direct && !(folio.flags & PG_lru)) lruAddDrain(sys);\n",
    "",
    /a place in a batch is a hold/,
  ),
  wrong(
    "06.3",
    `forgets MM_SWAPENTS`,
    "  addMmCounter(vmMm, MM_SWAPENTS, -1);\n",
    "",
    /MM_SWAPENTS is 1, but its tables have 0/,
  ),
  wrong(
    "06.3",
    `overlooks who waits for the next write`,
    MAY_WRITE,
    "if (own) {",
    /somebody waits for the next write/,
  ),
  // ---- 06.4
  wrong(
    "06.4",
    `takes anonymous memory though there is no swap`,
    NO_SWAP,
    "if (!sc.maySwap)",
    /0 free pages of swap/,
  ),
  wrong("06.4", "has no rule for groups that are to shrink", GROUP, "", /sc.targetMemcg/),
  wrong(
    "06.4",
    `looks at the last attempt before it looks at what was asked for`,
    'else if (swappiness === SWAPPINESS_ANON_ONLY) balance = "anon";\n  else if (sc.priority === 0 && swappiness !== 0) balance = "both";',
    'else if (sc.priority === 0 && swappiness !== 0) balance = "both";\n  else if (swappiness === SWAPPINESS_ANON_ONLY) balance = "anon";',
    /no files, not even at priority 0/,
  ),
  wrong(
    "06.4",
    `has no last attempt`,
    LAST,
    "else if (sc.priority < 0)",
    /the last attempt looks at all lists/,
  ),
  wrong(
    "06.4",
    `swaps with swappiness 0 at the last attempt`,
    LAST,
    "else if (sc.priority === 0)",
    /swappiness 0 keeps anonymous memory out/,
  ),
  wrong(
    "06.4",
    `keeps swappiness 0 from anonymous memory even where there is nothing else`,
    TINY,
    TINY.replace("sc.fileIsTiny", "sc.fileIsTiny && swappiness > 0"),
    /even with swappiness 0/,
  ),
  wrong("06.4", `forgets cacheTrimMode`, TRIM, "", /sc.cacheTrimMode: files only/),
  wrong(
    "06.4",
    `takes swappiness for the part of files`,
    "(swappiness * (anon",
    "((200 - swappiness) * (anon",
    /swappiness (60|200|0)/,
  ),
  wrong(
    "06.4",
    `divides by the other type's cost`,
    AP,
    AP.replace("/ (anon", "/ (file"),
    /ap 143, fp 239|by its own cost/,
  ),
  wrong(
    "06.4",
    `lets a type's cost alone decide, without the total`,
    "const anon = total + sc.anonCost;",
    "const anon = sc.anonCost;",
    /same part of each list|at least a third/,
  ),
  wrong("06.4", `rounds shares up`, SHARE, SHARE.replace("Math.floor", "Math.ceil"), /ap 143|round/),
  wrong(
    "06.4",
    `divides by one more than the priority`,
    SCAN,
    SCAN.replace("sc.priority", "(sc.priority + 1)"),
    /divided by 2\^priority/,
  ),
  wrong(
    "06.4",
    `counts the pages of all zones`,
    SCAN,
    SCAN.replace("sc.reclaimIdx", "9"),
    /up to sc.reclaimIdx/,
  ),
  wrong(
    "06.4",
    `takes an attempt's swappiness 0 for none`,
    "sc.proactiveSwappiness ?? sys",
    "sc.proactiveSwappiness || sys",
    /0 included|swappiness 0 keeps/,
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
