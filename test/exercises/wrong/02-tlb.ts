/**
 * Wrong answers to lab 02. Each is a change of the solution that learners really make; the grader must fail that task
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

const VPN = "const vpn = Math.floor(va / pageBytes);";
const PLACE = "return { set: vpn - tag * sets, tag };";
const FIND = "const at = set.findIndex(matches);";
const GONE = "if ((after & PAGE_PRESENT) === 0) return true;";
const LOST = "const lost = before & ~after;";
const BITS = "PAGE_RW | PAGE_USER | PAGE_DIRTY";
const MATCH = "entry.vpn === vpn && entry.level === level && (entry.global || entry.pcid === pcid);";
const OWN = "asid: own, needFlush: ctxs[own]!.tlbGen < next.tlbGen, nextAsid";
const TAKE = "const asid = nextAsid < ctxs.length ? nextAsid : 0;";
const NEW = "return { asid, needFlush: true, nextAsid: asid + 1 };";
const TARGET = "!cpu.isSelf && (freedTables || (cpu.usesMm && !cpu.isLazy))";
const ALL = 'requestGen === localGen + 1 && requestGen === mmGen ? "pages" : "all"';

export const wrongAnswers: WrongAnswer[] = [
  // 02.1
  wrong(
    "02.1",
    "forgets to divide by the page size",
    VPN,
    "const vpn = va;",
    /offset in the page plays no part/,
  ),
  wrong(
    "02.1",
    "takes every page for 4 KiB",
    VPN,
    "const vpn = Math.floor(va / 4096);",
    /a large page has one number/,
  ),
  wrong(
    "02.1",
    "keeps the set in the tag",
    PLACE,
    "return { set: vpn - tag * sets, tag: vpn };",
    /without what the set already says|offset in the page/,
  ),
  wrong(
    "02.1",
    "cuts the page number to 32 bits",
    PLACE,
    "return { set: vpn & (sets - 1), tag: (vpn | 0) / sets - (((vpn | 0) / sets) % 1) };",
    /keep only 32/,
  ),
  wrong(
    "02.1",
    "shifts the address as 32 bits",
    VPN,
    "const vpn = (va >>> 0) / pageBytes - (((va >>> 0) / pageBytes) % 1);",
    /keep only 32/,
  ),
  wrong(
    "02.1",
    "leaves the set of a kernel page negative",
    PLACE,
    "return { set: vpn % sets, tag: Math.trunc(vpn / sets) };",
    /a kernel address is negative/,
  ),
  wrong(
    "02.1",
    "rounds towards zero",
    VPN,
    "const vpn = Math.trunc(va / pageBytes);",
    /a kernel address is negative/,
  ),
  wrong(
    "02.1",
    "takes the upper bits for the set",
    PLACE,
    "return { set: tag % sets, tag: vpn - tag * sets };",
    /modulo the number of sets|offset in the page/,
  ),
  // 02.2
  wrong(
    "02.2",
    "leaves a hit where it was",
    "const [entry] = set.splice(at, 1);\n  set.unshift(entry!);\n  return entry;",
    "return set[at];",
    /most recently used entry first/,
  ),
  wrong(
    "02.2",
    "swaps a hit with the first entry",
    "const [entry] = set.splice(at, 1);\n  set.unshift(entry!);\n  return entry;",
    "const entry = set[at]!;\n  set[at] = set[0]!;\n  set[0] = entry;\n  return entry;",
    /keep their order|most recently used entry first/,
  ),
  wrong(
    "02.2",
    "moves a hit to the end",
    "set.unshift(entry!);\n  return entry;",
    "set.push(entry!);\n  return entry;",
    /most recently used/,
  ),
  wrong(
    "02.2",
    "drops the most recently used entry",
    "set.unshift(entry);\n  if (set.length > tlb.ways) set.pop();",
    "if (set.length >= tlb.ways) set.shift();\n  set.unshift(entry);",
    /the one used longest ago gives way/,
  ),
  wrong(
    "02.2",
    "keeps one entry too many",
    "if (set.length > tlb.ways) set.pop();",
    "if (set.length > tlb.ways + 1) set.pop();",
    /a set holds `ways` entries/,
  ),
  wrong(
    "02.2",
    "keeps one entry too few",
    "if (set.length > tlb.ways) set.pop();",
    "if (set.length >= tlb.ways) set.pop();",
    /Remember: (page vpn lies|a page that was inserted|a miss|the most recently|sets\[i\]|a set holds)/,
  ),
  wrong("02.2", "never evicts", "if (set.length > tlb.ways) set.pop();", "", /a set holds `ways` entries/),
  wrong(
    "02.2",
    "is first in, first out",
    "set.unshift(entry!);\n  return entry;",
    "set.splice(at, 0, entry!);\n  return entry;",
    /most recently used entry first/,
  ),
  wrong(
    "02.2",
    "searches all sets",
    "const set = tlb.sets[setOf(tlb, vpn)]!;\n  const at = set.findIndex(matches);",
    "const set = tlb.sets.find((one) => one.some(matches)) ?? [];\n  const at = set.findIndex(matches);",
    /compares the ways of one set/,
  ),
  wrong(
    "02.2",
    "compares only the page number",
    FIND,
    "const at = set.findIndex((entry) => entry.vpn === vpn);",
    /`matches` decides/,
  ),
  wrong(
    "02.2",
    "looks for negative pages in negative sets",
    "return ((vpn % nr) + nr) % nr;",
    "return vpn % nr;",
    /a set may not/,
  ),
  wrong(
    "02.2",
    "removes what it finds",
    "set.unshift(entry!);\n  return entry;",
    "return entry;",
    /a page that was inserted is found/,
  ),
  wrong("02.2", "throws on a miss", "if (at < 0) return undefined;", "", /a miss returns undefined/),
  // 02.3
  wrong(
    "02.3",
    "flushes entries that were in no TLB",
    "if ((before & PAGE_PRESENT) === 0) return false;",
    "",
    /in no TLB/,
  ),
  wrong(
    "02.3",
    "takes bit 8 for present",
    "if ((before & PAGE_PRESENT) === 0) return false;",
    "if ((before & (PAGE_PRESENT | 256)) === 0) return false;",
    /in no TLB/,
  ),
  wrong(
    "02.3",
    "forgets munmap and PROT_NONE",
    GONE,
    "if (after === 0) return false;",
    /after munmap|the old translation must go/,
  ),
  wrong(
    "02.3",
    "takes only an empty entry for gone",
    GONE,
    "if (after === 0) return true;",
    /must not use the old one/,
  ),
  wrong(
    "02.3",
    "forgets that the frame may change",
    "if (ptePfn(before) !== ptePfn(after)) return true;",
    "",
    /leads to the old frame/,
  ),
  wrong(
    "02.3",
    "compares 32 bits of the frame",
    "if (ptePfn(before) !== ptePfn(after)) return true;",
    "if (((before ^ after) & ~0xfff) !== 0) return true;",
    /more than 20 bits/,
  ),
  wrong(
    "02.3",
    "forgets write protection",
    BITS,
    "PAGE_USER | PAGE_DIRTY",
    /without R\/W a store must fault/,
  ),
  wrong("02.3", "forgets U/S", BITS, "PAGE_RW | PAGE_DIRTY", /without U\/S/),
  wrong("02.3", "forgets D", BITS, "PAGE_RW | PAGE_USER", /would go unnoticed/),
  wrong(
    "02.3",
    "flushes for A",
    BITS,
    "PAGE_RW | PAGE_USER | PAGE_DIRTY | 32",
    /A only says that the page was used/,
  ),
  wrong(
    "02.3",
    "flushes when rights are gained",
    LOST,
    "const lost = before ^ after;",
    /costs one fault and does no harm/,
  ),
  wrong(
    "02.3",
    "looks at what is gained instead of lost",
    LOST,
    "const lost = after & ~before;",
    /a store must fault/,
  ),
  wrong(
    "02.3",
    "forgets NX",
    "return before < PTE_NX && after >= PTE_NX;",
    "return false;",
    /NX takes a right away/,
  ),
  wrong(
    "02.3",
    "takes NX for a right",
    "return before < PTE_NX && after >= PTE_NX;",
    "return before >= PTE_NX && after < PTE_NX;",
    /NX takes a right away/,
  ),
  wrong(
    "02.3",
    "always flushes",
    "if ((before & PAGE_PRESENT) === 0) return false;",
    "return true;",
    /in no TLB/,
  ),
  // 02.4
  wrong(
    "02.4",
    "ignores the PCID",
    MATCH,
    "entry.vpn === vpn && entry.level === level;",
    /another address space/,
  ),
  wrong(
    "02.4",
    "ignores the level",
    MATCH,
    "entry.vpn === vpn && (entry.global || entry.pcid === pcid);",
    /is not page 5 of 4 KiB/,
  ),
  wrong(
    "02.4",
    "forgets global entries",
    MATCH,
    "entry.vpn === vpn && entry.level === level && entry.pcid === pcid;",
    /belongs to all address spaces/,
  ),
  wrong(
    "02.4",
    "lets a global entry answer for every page",
    MATCH,
    "entry.global || (entry.vpn === vpn && entry.level === level && entry.pcid === pcid);",
    /only for its own page/,
  ),
  wrong(
    "02.4",
    "takes PCID 0 for everybody's",
    MATCH,
    "entry.vpn === vpn && entry.level === level && (entry.global || entry.pcid === 0 || entry.pcid === pcid);",
    /PCID 0 is an address space/,
  ),
  wrong(
    "02.4",
    "never flushes a slot of its own",
    OWN,
    "asid: own, needFlush: false, nextAsid",
    /its entries may be stale/,
  ),
  wrong("02.4", "always flushes", OWN, "asid: own, needFlush: true, nextAsid", /no flush/),
  wrong(
    "02.4",
    "mixes up who is behind",
    OWN,
    "asid: own, needFlush: ctxs[own]!.tlbGen > next.tlbGen, nextAsid",
    /may be stale/,
  ),
  wrong(
    "02.4",
    "does not believe in slot 0",
    "if (own >= 0) return",
    "if (own > 0) return",
    /slot 0 is a slot like the others/,
  ),
  wrong(
    "02.4",
    "lets a newcomer keep the entries of the slot",
    NEW,
    "return { asid, needFlush: false, nextAsid: asid + 1 };",
    /another address space's/,
  ),
  wrong("02.4", "runs off the end of the slots", TAKE, "const asid = nextAsid;", /take slot 0/),
  wrong(
    "02.4",
    "never uses the last slot",
    TAKE,
    "const asid = nextAsid < ctxs.length - 1 ? nextAsid : 0;",
    /the last slot may be taken/,
  ),
  wrong(
    "02.4",
    "always gives the same slot to newcomers",
    NEW,
    "return { asid, needFlush: true, nextAsid };",
    /another address space's|in turn/,
  ),
  wrong(
    "02.4",
    "moves nextAsid on without need",
    OWN,
    "asid: own, needFlush: ctxs[own]!.tlbGen < next.tlbGen, nextAsid: nextAsid + 1",
    /still there under its PCID/,
  ),
  // 02.5
  wrong(
    "02.5",
    "interrupts itself",
    TARGET,
    "freedTables || (cpu.usesMm && !cpu.isLazy)",
    /without an interrupt/,
  ),
  wrong(
    "02.5",
    "interrupts lazy CPUs",
    TARGET,
    "!cpu.isSelf && (freedTables || cpu.usesMm)",
    /no program runs on a lazy CPU/,
  ),
  wrong("02.5", "interrupts whoever is in the mask", TARGET, "!cpu.isSelf", /runs another address space/),
  wrong(
    "02.5",
    "lets lazy CPUs walk freed tables",
    TARGET,
    "!cpu.isSelf && cpu.usesMm && !cpu.isLazy",
    /nobody may look at a table/,
  ),
  wrong("02.5", "interrupts nobody", TARGET, "false", /flushes its own TLB without an interrupt/),
  wrong(
    "02.5",
    "spares CPUs that run something else when tables go",
    TARGET,
    "!cpu.isSelf && cpu.usesMm && (freedTables || !cpu.isLazy)",
    /nobody may look at a table/,
  ),
  wrong(
    "02.5",
    "flushes what it has followed already",
    'if (localGen === mmGen) return "nothing";',
    "",
    /every change has been followed/,
  ),
  wrong(
    "02.5",
    "flushes only pages after having missed a change",
    ALL,
    'requestGen === mmGen ? "pages" : "all"',
    /before the request was missed/,
  ),
  wrong(
    "02.5",
    "trusts a request that is not the newest",
    ALL,
    'requestGen === localGen + 1 ? "pages" : "all"',
    /Remember|differ/,
  ),
  wrong("02.5", "always flushes all", ALL, '"all"', /the request names its pages/),
  wrong("02.5", "always flushes pages", ALL, '"pages"', /nobody says which pages/),
  wrong(
    "02.5",
    "counts one change too late",
    ALL,
    'requestGen === localGen + 2 && requestGen === mmGen ? "pages" : "all"',
    /one change, and the request names its pages/,
  ),
];
