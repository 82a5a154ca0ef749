/**
 * The MMU: turns every virtual address that the CPU uses into a physical one.
 *
 *   va, access
 *      |
 *      v     hit, allowed
 *   L1 TLB ----------------------------------------------> pa
 *      | miss      hit, but D clear and a write --> assist: walk again, so that D is set in RAM
 *      v           hit, but not allowed ----------> what the TLBs hold for the page is dropped; then
 *   L2 TLB --> the same; on a hit the entry is        Intel: page fault      AMD: walk, as if nothing had hit
 *      |       also put into L1
 *      v miss
 *   page-walk caches --> walk ---> translation --> into L2, then into L1
 *                             \--> fault;  AMD: once more from the top, in case a cached table was to blame
 *
 * An entry, once in a TLB, is used without a look at the tables, until it is flushed or pushed out. A
 * changed table
 * entry therefore takes effect only after a flush; see `invlpg` and its relatives in cpu.ts.
 *
 * An entry that allows too much stays in use, which is why taking rights away needs a flush. One that
 * allows too little
 * mends itself. Intel (SDM vol. 3A, Optional Invalidation): a write may or may not fault after R/W was set
 * without a flush; if
 * it does, the fault is spurious, and comes once, because a page fault drops the entry (Operations that
 * Invalidate
 * TLBs). AMD (APM vol. 2, Use of Cached Entries When Reporting a Page Fault Exception): the cached entries
 * are dropped and
 * the tables walked again before any page fault is reported, so rights may be added without a flush.
 * `rewalksOnFault` of the
 * model says which; see tlb_model.ts.
 *
 * `translate` returns a physical address, or -1 and leaves the reason in `fault`: numbers, because this
 * runs for
 * every byte that the machine touches. Its first lines serve the common case, a 4 KiB page in L1; all else
 * is in
 * `lookUp`. The stream runner (stream_runner.ts) does the same as this file, faster, on the same TLB contents.
 *
 * Read first: tlb.ts, tlb_model.ts, walk.ts. Read next: cpu.ts.
 */
import type { Vaddr } from "./address.js";
import { isCanonical, LEVEL_SIZE, PAGE_SIZE } from "./address.js";
import type { Clock } from "./clock.js";
import { PAGE_DIRTY, PAGE_GLOBAL } from "./entry.js";
import { ACCESS_FETCH, ACCESS_WRITE, AddressFault, type Fault, PageFault, PF_PROT } from "./fault.js";
import { type AccessRecord, type MmuStats, readStats } from "./mmu_stats.js";
import { allows, errorCodeOf, RIGHTS_MASK, rightsTest } from "./protection.js";
import type { Ram } from "./ram.js";
import type { Paging } from "./registers.js";
import { Tlb, type TlbGeometry, type TlbsByLevel } from "./tlb.js";
import { frameWord, globalKey, highBitsOf, keyBase, keyOfVpn, tagOf } from "./tlb_entry.js";
import type { TlbModel } from "./tlb_model.js";
import { type TlbFactory, tlbsByLevel } from "./tlb_part.js";
import { checkWalk, type Translation, type Walk } from "./translation.js";
import { WalkStart, walk, walkFrom } from "./walk.js";

/** Beyond 57 bits the numbers of different pages could meet in one tag and key. */
const ADDRESS_LIMIT = 2 ** 56;
const ACCESSES = [0, 2, 4, 6, 16, 20];

/** The memory management unit of one CPU. Intel SDM vol. 3A, Caching Translation Information */
export class Mmu {
  readonly ram: Ram;
  readonly clock: Clock;
  readonly model: TlbModel;
  /** The page walker, replaceable. */
  readonly walker: Walk;
  readonly l1d: TlbsByLevel;
  readonly l1i: TlbsByLevel;
  readonly l2d: TlbsByLevel;
  readonly l2i: TlbsByLevel;
  /** Page-walk caches by the level of the entry they remember: 2 the PDE cache, up to 5. */
  readonly walkCaches: TlbsByLevel;
  readonly hasWalkCaches: boolean;
  /** Every TLB once, walk caches not included. */
  readonly tlbs: readonly Tlb[];
  /** The fault of the last `translate` that returned -1. */
  fault: Fault | undefined;
  /** Called with every single access while it is set; `undefined` costs nothing. */
  trace: ((record: AccessRecord) => void) | undefined;
  /** Walks because no TLB had the page. */
  walks = 0;
  /** Table entries read, by these walks and by assists. */
  walkRefs = 0;
  /** Writes through an entry whose D bit was clear. */
  dirtyAssists = 0;
  /** Walks done a second time before a fault was reported. */
  rewalks = 0;
  /** Accesses that ended in a fault. */
  faults = 0;
  /** TLB hits that did not allow the access. */
  deniedHits = 0;
  /** Accesses while paging was off. */
  untranslated = 0;
  /** (rights & mask[access]) === want[access]: the access needs nothing but the entry. Writes want D, too. */
  readonly mask: Int32Array = new Int32Array(32);
  readonly want: Int32Array = new Int32Array(32);
  /** Keys without the page number's bits, by level. */
  readonly keys: Int32Array = new Int32Array(6);
  private rules: Paging;
  /** Some TLB holds a piece of a page, so one invlpg has to drop more than one entry. */
  private holdsPieces = false;
  /** The access that is being looked up: its address, its page's number in two halves, and the TLBs that serve it. */
  private va: Vaddr = 0;
  private access = 0;
  private vpnLo = 0;
  private vpnHi = 0;
  private l1: TlbsByLevel = [];
  private l2: TlbsByLevel = [];
  /** Table entries read by the walk of this access. */
  private refs = 0;
  private readonly walkStart = new WalkStart(this);

  constructor(
    ram: Ram,
    clock: Clock,
    paging: Paging,
    model: TlbModel,
    parts: { walk?: Walk; tlbPart?: TlbFactory } = {},
  ) {
    this.ram = ram;
    this.clock = clock;
    this.model = model;
    this.walker = parts.walk ?? walk;
    const all: Tlb[] = [];
    const make = (name: string, geometries: readonly TlbGeometry[]) =>
      tlbsByLevel(name, geometries, all, parts.tlbPart);
    this.l1d = make("L1d", model.l1d);
    this.l1i = make("L1i", model.l1i);
    this.l2d = make("L2", model.l2);
    this.l2i = model.l2i ? make("L2i", model.l2i) : this.l2d;
    this.tlbs = all;
    const { pde, pdpte, pml4e, pml5e } = model.walkCaches;
    this.walkCaches = [undefined, undefined, pde, pdpte, pml4e, pml5e].map((ways, level) =>
      ways ? new Tlb(`walk cache ${level}`, { sets: 1, ways, levels: [level] }) : undefined,
    );
    this.hasWalkCaches = this.walkCaches.some((cache) => cache !== undefined);
    this.rules = paging;
    this.paging = paging;
  }

  /** The rules in force. Setting them flushes nothing: that is for the register that changed to decide. */
  get paging(): Paging {
    return this.rules;
  }
  set paging(paging: Paging) {
    this.rules = paging;
    for (const access of ACCESSES) {
      const { mask, want } = rightsTest(access, paging);
      const dirty = access & ACCESS_WRITE ? PAGE_DIRTY : 0;
      this.mask[access] = mask | dirty;
      this.want[access] = want | dirty;
    }
    for (let level = 1; level <= 5; level++) this.keys[level] = keyBase(level, paging.pcid);
  }

  /** What has been counted so far. */
  stats(): MmuStats {
    return readStats(this);
  }

  /** Physical address of `va` for `access` (ACCESS_USER, ACCESS_WRITE, ACCESS_FETCH), or -1 with the reason in `fault`. */
  translate(va: Vaddr, access: number): number {
    if (this.trace !== undefined) return this.translateTraced(va, access, this.trace);
    const vpn = Math.floor(va / 4096);
    const l1 = access & ACCESS_FETCH ? this.l1i[1] : this.l1d[1];
    if (l1 === undefined || !(va < ADDRESS_LIMIT && va >= -ADDRESS_LIMIT)) return this.lookUp(va, access, -1);
    const slot = l1.find(vpn | 0, this.keys[1]! | keyOfVpn(vpn));
    if (slot < 0) return this.lookUp(va, access, -1);
    const frame = l1.frame[slot]!;
    if ((frame & this.mask[access]!) !== this.want[access]) return this.lookUp(va, access, slot);
    l1.touch(slot);
    l1.hits[1]!++;
    this.clock.nowNs += this.clock.costs.accessNs;
    return (l1.frameHi[slot]! * 0x10_0000 + (frame >>> 12)) * 4096 + (va - vpn * 4096);
  }

  /** All cases. `found` is the slot of a 4 KiB page that L1 is already known to hold, else -1. */
  private lookUp(va: Vaddr, access: number, found: number): number {
    const { levels } = this.rules;
    this.clock.nowNs += this.clock.costs.accessNs;
    if (levels === 0) {
      this.untranslated++;
      return va;
    }
    if (levels !== 2 && !isCanonical(va, levels)) return this.fail(new AddressFault(va));
    this.setAccess(va, access);
    for (let level = 1; level <= 3; level++) {
      const tlb = this.l1[level];
      if (tlb === undefined || tlb.nrValid[level] === 0) continue;
      // translate() has already asked for the 4 KiB page.
      const slot = level === 1 ? found : tlb.find(this.tag(level), this.key(level));
      if (slot >= 0) return this.hit(tlb, slot, level, true);
    }
    this.clock.nowNs += this.clock.costs.l2TlbNs;
    for (let level = 1; level <= 3; level++) {
      const tlb = this.l2[level];
      if (tlb === undefined || tlb.nrValid[level] === 0) continue;
      const slot = tlb.find(this.tag(level), this.key(level));
      if (slot >= 0) return this.hit(tlb, slot, level, false);
    }
    return this.miss();
  }

  private setAccess(va: Vaddr, access: number): void {
    const vpn = Math.floor(va / 4096);
    this.va = va;
    this.access = access;
    this.vpnLo = vpn | 0;
    this.vpnHi = Math.floor(vpn / 0x1_0000_0000);
    const fetch = (access & ACCESS_FETCH) !== 0;
    this.l1 = fetch ? this.l1i : this.l1d;
    this.l2 = fetch ? this.l2i : this.l2d;
  }

  private hit(tlb: Tlb, slot: number, level: number, inL1: boolean): number {
    const { va } = this;
    const frame = tlb.frame[slot]!;
    if (!allows(frame, this.access, this.rules)) {
      this.forget();
      if (this.model.rewalksOnFault) return this.miss();
      this.deniedHits++;
      return this.fail(new PageFault(va, errorCodeOf(PF_PROT, this.access, this.rules)));
    }
    tlb.hits[level]!++;
    tlb.touch(slot);
    if (this.access & ACCESS_WRITE && (frame & PAGE_DIRTY) === 0) return this.assist(tlb, slot, level, inL1);
    const pa = (tlb.frameHi[slot]! * 0x10_0000 + (frame >>> 12)) * 4096 + offsetIn(va, level);
    if (!inL1) this.fill(this.l1, { pa, level, rights: frame & RIGHTS_MASK });
    return pa;
  }

  /** A write met an entry with D clear: the tables are walked again to set D, and the entry takes over what they say. */
  private assist(tlb: Tlb, slot: number, level: number, inL1: boolean): number {
    this.dirtyAssists++;
    this.clock.nowNs += this.clock.costs.assistNs;
    const first = this.walk();
    if (!("pa" in first)) this.forget();
    const result = "pa" in first ? first : this.confirm(first);
    if (!("pa" in result)) return this.fail(result);
    if (result !== first || result.level !== level) {
      this.forget();
      this.fill(this.l2, result);
      this.fill(this.l1, result);
      return result.pa;
    }
    const pfn = Math.floor(result.pa / LEVEL_SIZE[level]!) * (LEVEL_SIZE[level]! / PAGE_SIZE);
    const word = frameWord(pfn, result.rights);
    tlb.update(slot, word, Math.floor(pfn / 0x10_0000));
    const lower = inL1 ? this.l2[level] : undefined;
    if (lower !== undefined) {
      const key = this.key(level);
      const other = lower.findQuietly(this.tag(level), word & PAGE_GLOBAL ? globalKey(key) : key);
      if (other >= 0) lower.update(other, word, Math.floor(pfn / 0x10_0000));
    }
    if (!inL1) this.fill(this.l1, result);
    return result.pa;
  }

  private miss(): number {
    this.walks++;
    let result = this.walk();
    if (!("pa" in result)) {
      this.forgetTables();
      this.forgetIn(this.l1 === this.l1d ? this.l1i : this.l1d); // l1 and l2 were asked and have nothing
      if (this.l2d !== this.l2i) this.forgetIn(this.l2 === this.l2d ? this.l2i : this.l2d);
      result = this.confirm(result);
      if (!("pa" in result)) return this.fail(result);
    }
    this.fill(this.l2, result);
    this.fill(this.l1, result);
    return result.pa;
  }

  /**
   * What the tables say on a second look, after the walk caches have forgotten the page: the fault again, or a translation where
   * a cached table was out of date. Intel looks once.
   */
  private confirm(fault: Fault): Translation | Fault {
    if (this.model.rewalksOnFault !== true) return fault;
    this.rewalks++;
    const result = this.walk();
    if (!("pa" in result)) this.forgetTables();
    return result;
  }

  /** One walk, started as low as the walk caches allow, and counted. */
  private walk(): Translation | Fault {
    const { va, rules: paging } = this;
    this.refs = 1;
    let result: Translation | Fault;
    if (this.walker !== walk || paging.levels < 4) {
      result = checkWalk(this.walker(this.ram, paging, va, this.access));
      this.refs = paging.levels + 1 - ("pa" in result ? result.level : 1);
    } else result = walkFrom(this.ram, paging, va, this.access, this.lowestStart());
    this.walkRefs += this.refs;
    this.clock.nowNs += this.refs * this.clock.costs.walkEntryNs;
    return result;
  }

  /** The lowest table that a walk cache remembers, else CR3's. */
  private lowestStart(): WalkStart {
    const { levels, rootPfn } = this.rules;
    const start = this.walkStart.at(levels, rootPfn);
    for (let level = 2; level <= levels; level++) {
      const cache = this.walkCaches[level];
      if (cache === undefined || cache.nrValid[level] === 0) continue;
      const slot = cache.find(this.tag(level), this.key(level));
      if (slot < 0) continue;
      cache.touch(slot);
      cache.hits[level]!++;
      const pfn = cache.frameHi[slot]! * 0x10_0000 + (cache.frame[slot]! >>> 12);
      return start.at(level - 1, pfn, cache.frame[slot]! & RIGHTS_MASK);
    }
    return start;
  }

  /** The walk goes on to the table of `level` in frame `tablePfn`: remembered in the walk cache of the level above. */
  passedTable(level: number, tablePfn: number, rights: number): void {
    this.refs++;
    const above = level + 1;
    const word = frameWord(tablePfn, rights);
    this.walkCaches[above]?.fill(this.tag(above), this.key(above), word, Math.floor(tablePfn / 0x10_0000));
  }

  /** Puts a translation into the TLBs of one stage, in the largest piece that one of them holds. */
  private fill(tlbs: TlbsByLevel, { pa, level, rights }: Translation): void {
    let piece = level;
    while (piece > 0 && tlbs[piece] === undefined) piece--;
    const tlb = tlbs[piece];
    if (tlb === undefined) return;
    if (piece !== level || (this.rules.levels === 2 && level === 2)) this.holdsPieces = true;
    const pfn = Math.floor(pa / 4096);
    const first = piece === 1 ? pfn : pfn - (pfn % (LEVEL_SIZE[piece]! / PAGE_SIZE));
    const key = this.key(piece);
    const word = frameWord(first, rights);
    tlb.fill(
      this.tag(piece),
      rights & PAGE_GLOBAL ? globalKey(key) : key,
      word,
      Math.floor(first / 0x10_0000),
    );
  }

  private fail(fault: Fault): number {
    this.faults++;
    this.fault = fault;
    return -1;
  }

  /** A page fault drops what the TLBs and walk caches hold for the page. Intel SDM vol. 3A, Operations that Invalidate TLBs */
  private forget(): void {
    this.flushPage(this.va, this.rules.pcid, true);
    this.forgetTables();
  }

  private forgetIn(tlbs: TlbsByLevel): void {
    for (let level = 1; level <= 3; level++) {
      const tlb = tlbs[level];
      if (tlb !== undefined && tlb.nrValid[level] !== 0)
        tlb.flushPage(this.tag(level), this.key(level), true);
    }
  }

  private forgetTables(): void {
    if (!this.hasWalkCaches) return;
    for (let level = 2; level <= 5; level++) {
      const cache = this.walkCaches[level];
      if (cache !== undefined && cache.nrValid[level] !== 0)
        cache.flushPage(this.tag(level), this.key(level), false);
    }
  }

  /** Under which tag and key a TLB has the page of `level` that the access is in. */
  private tag(level: number): number {
    return tagOf(this.vpnLo, this.vpnHi, level);
  }
  private key(level: number): number {
    return this.keys[level]! | highBitsOf(this.vpnHi, level);
  }

  /** Drops the page at `va` of `pcid` from all TLBs; walk caches stay. */
  flushPage(va: Vaddr, pcid: number, alsoGlobal: boolean): void {
    if (this.holdsPieces) {
      this.flushAll();
      return;
    }
    const vpn = Math.floor(va / 4096);
    const lo = vpn | 0;
    const hi = Math.floor(vpn / 0x1_0000_0000);
    for (const tlb of this.tlbs)
      for (const level of tlb.geometry.levels) {
        if (tlb.nrValid[level] === 0) continue;
        tlb.flushPage(tagOf(lo, hi, level), keyBase(level, pcid) | highBitsOf(hi, level), alsoGlobal);
      }
  }

  /** Drops the walk caches of one PCID. */
  flushWalkCaches(pcid: number): void {
    for (const cache of this.walkCaches) cache?.flushPcid(pcid);
  }

  /** Drops what belongs to `pcid` and is not global, walk caches included. */
  flushPcid(pcid: number): void {
    for (const tlb of this.tlbs) tlb.flushPcid(pcid);
    this.flushWalkCaches(pcid);
  }

  /** Drops what is not global, of every PCID. */
  flushNonGlobal(): void {
    for (const tlb of this.tlbs) tlb.flushNonGlobal();
    for (const cache of this.walkCaches) cache?.flushAll();
  }

  /** Drops everything. */
  flushAll(): void {
    for (const tlb of this.tlbs) tlb.flushAll();
    for (const cache of this.walkCaches) cache?.flushAll();
    this.holdsPieces = false;
  }

  private translateTraced(va: Vaddr, access: number, trace: (record: AccessRecord) => void): number {
    this.trace = undefined;
    const before = this.stats();
    const startNs = this.clock.nowNs;
    const pa = this.translate(va, access);
    this.trace = trace;
    const after = this.stats();
    const source = after.walks > before.walks ? "walk" : after.l2Hits > before.l2Hits ? "L2" : "L1";
    trace({
      va,
      access,
      pa,
      source: pa < 0 ? "fault" : source,
      walkRefs: after.walkRefs - before.walkRefs,
      dirtyAssist: after.dirtyAssists > before.dirtyAssists,
      costNs: this.clock.nowNs - startNs,
      fault: pa < 0 ? this.fault : undefined,
    });
    return pa;
  }
}

function offsetIn(va: Vaddr, level: number): number {
  const size = LEVEL_SIZE[level]!;
  return va - Math.floor(va / size) * size;
}
