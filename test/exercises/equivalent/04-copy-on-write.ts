/** Mutants of lab 04 that are as good as the solution, and why (lib/course/mutate/equivalent.ts). */

import type { Equivalent } from "../../../lib/course/mutate/equivalent.js";

export const equivalent: Equivalent[] = [
  {
    because: "a mapping is private or shared, never both, so at most one of the two statements does anything",
    mutants: [
      "04.1 order: [if (isCowMapping(srcVma.vmFlags) && pteWrite(pte)) { pte = p ... D) pte = pteMkclean(pte); => if (srcVma.vmFlags & VM_SHARED) pte = pteMkclean(pte); if (i ... sys.ram, srcPtep, pte); }]",
    ],
  },
  {
    because: "parent and child live on one machine",
    mutants: ["04.1 neighbour: const { sys } = [srcVma => dstVma].vmMm;"],
  },
  {
    because: "fork has just made the child's VMA as a copy, so both have the same flags in these bits",
    mutants: [
      "04.1 neighbour: const page = vmNormalPage([srcVma => dstVma], srcPte);",
      "04.1 neighbour: if (isCowMapping([srcVma => dstVma].vmFlags) && pteWrite(pte)) {",
      "04.1 neighbour: if ([srcVma => dstVma].vmFlags & VM_SHARED) pte = pteMkclean(pte);",
    ],
  },
  {
    because: "counts that do not depend on each other: nothing looks at them in between",
    mutants: [
      "04.1 order: [folio.refcount++; if (folioTestAnon(folio)) { folioTryDupAno ... CounterFile(folio), 1); } => if (folioTestAnon(folio)) { folioTryDupAnonRmapPte(sys, foli ... , 1); } folio.refcount++;]",
      "04.1 order: [folioTryDupAnonRmapPte(sys, folio, page); addMmCounter(dstVma.vmMm, MM_ANONPAGES, 1); => addMmCounter(dstVma.vmMm, MM_ANONPAGES, 1); folioTryDupAnonRmapPte(sys, folio, page);]",
      "04.1 order: [folioDupFileRmapPtes(sys, folio, page, 1); addMmCounter(dstV ... mmCounterFile(folio), 1); => addMmCounter(dstVma.vmMm, mmCounterFile(folio), 1); folioDup ... tes(sys, folio, page, 1);]",
    ],
  },
  {
    because:
      "folioTryDupAnonRmapPte uses only its last two arguments, and an anonymous folio of one page is its page; a compiler would refuse it",
    mutants: [
      "04.1 argument: folioTryDupAnonRmapPte([sys, folio => folio, sys], page);",
      "04.1 argument: folioTryDupAnonRmapPte(sys, [folio, page => page, folio]);",
    ],
  },
  {
    because: "MM_ANONPAGES is 1, so both arguments are the same number",
    mutants: [
      "04.1 argument: addMmCounter(dstVma.vmMm, [MM_ANONPAGES, 1 => 1, MM_ANONPAGES]);",
      "04.2 argument: addMmCounter(vmMm, [MM_ANONPAGES, 1 => 1, MM_ANONPAGES]);",
    ],
  },
  {
    because:
      "the page of a shared mapping is never anonymous (shared memory is a file's), so isOurs says no without doing anything",
    mutants: [
      "04.2 order: [if (vma.vmFlags & VM_SHARED) return folio === undefined ? wp ...  return wpPageReuse(vmf); => if (folio !== undefined && isOurs(vma, folio, vmf.page!)) re ... wpPageShared(vmf, folio);]",
    ],
  },
  {
    because:
      "an anonymous folio has one page here, so it is the page; a page further back in a file's folio is not anonymous either",
    mutants: [
      "04.2 argument: if (folio !== undefined && isOurs(vma, [folio, vmf.page! => vmf.page!, folio])) return wpPageReuse(vmf);",
    ],
  },
  {
    because: "a page of a file is never marked exclusive",
    mutants: [
      "04.2 order: [if (!folioTestAnon(folio)) return false; if (page.anonExclusive) return true; => if (page.anonExclusive) return true; if (!folioTestAnon(folio)) return false;]",
    ],
  },
  {
    because:
      "no mistake: it empties the batches more often than Linux, which brings pages to their lists a little earlier and changes no count of references or mappings",
    mutants: [
      "04.2 order: [if (page.anonExclusive) return true; if (!(folio.flags & PG_ ... ruAddDrain(vma.vmMm.sys); => if (!(folio.flags & PG_lru)) lruAddDrain(vma.vmMm.sys); if ( ... onExclusive) return true;]",
      "04.2 condition: if ([!(folio.flags & PG_lru) => true]) lruAddDrain(vma.vmMm.sys);",
    ],
  },
  {
    because: "two assignments that do not depend on each other",
    mutants: [
      "04.2 order: [folioMoveAnonRmap(folio, vma); page.anonExclusive = true; => page.anonExclusive = true; folioMoveAnonRmap(folio, vma);]",
    ],
  },
  {
    because:
      "the books may be kept in any order: no other CPU and no reclaim runs between two calls of this handler",
    mutants: [
      "04.2 order: [if (oldFolio !== undefined) oldFolio.refcount++; anonVmaPrepare(vma); => anonVmaPrepare(vma); if (oldFolio !== undefined) oldFolio.refcount++;]",
      "04.2 order: [if (oldFolio !== undefined) copyUserHighpage(sys, folio.pfn, ... lio.flags |= PG_uptodate; => folio.flags |= PG_uptodate; if (oldFolio !== undefined) copy ... olio.pfn, vmf.page!.pfn);]",
      "04.2 order: [folio.flags |= PG_uptodate; if (oldFolio === undefined || !f ... terFile(oldFolio), -1); } => if (oldFolio === undefined || !folioTestAnon(oldFolio)) { ad ... lio.flags |= PG_uptodate;]",
      "04.2 order: [if (oldFolio === undefined || !folioTestAnon(oldFolio)) { ad ... Clear(sys.ram, vmf.ptep); => pteClear(sys.ram, vmf.ptep); if (oldFolio === undefined || ! ... terFile(oldFolio), -1); }]",
      "04.2 order: [flushTlbPage(vmMm, vmf.address); folioAddNewAnonRmap(folio, vma, vmf.address, true); => folioAddNewAnonRmap(folio, vma, vmf.address, true); flushTlbPage(vmMm, vmf.address);]",
      "04.2 order: [folioAddNewAnonRmap(folio, vma, vmf.address, true); folioAddLruVma(folio, vma); => folioAddLruVma(folio, vma); folioAddNewAnonRmap(folio, vma, vmf.address, true);]",
      "04.2 order: [folioAddLruVma(folio, vma); setPte(sys.ram, vmf.ptep, maybeM ... maPageProt(vma))), vma)); => setPte(sys.ram, vmf.ptep, maybeMkwrite(pteMkdirty(pfnPte(fol ... lioAddLruVma(folio, vma);]",
      "04.2 order: [folioRemoveRmapPtes(oldFolio, vmf.page!, 1, vma); folioPut(sys, oldFolio); => folioPut(sys, oldFolio); folioRemoveRmapPtes(oldFolio, vmf.page!, 1, vma);]",
      "04.2 order: [addMmCounter(vmMm, MM_ANONPAGES, 1); if (oldFolio !== undefi ... unterFile(oldFolio), -1); => if (oldFolio !== undefined) addMmCounter(vmMm, mmCounterFile ... r(vmMm, MM_ANONPAGES, 1);]",
    ],
  },
  {
    because: "0 is the default of the parameter `order`",
    mutants: ["04.2 argument: const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE | zero[, 0 => ]);"],
  },
  {
    because: "a page that was just allocated has no flags yet",
    mutants: ["04.2 arithmetic: folio.flags [|= => =] PG_uptodate;"],
  },
  {
    because: "steps that do not depend on each other, after the point of no return",
    mutants: [
      "04.4 order: [process.kernel.switchMm(process.task, mm); process.task.signal.handlers.clear(); => process.task.signal.handlers.clear(); process.kernel.switchMm(process.task, mm);]",
      "04.4 order: [mm.startBrk = brk; mm.brk = brk; => mm.brk = brk; mm.startBrk = brk;]",
      "04.4 order: [mm.brk = brk; process.close(fd); => process.close(fd); mm.brk = brk;]",
    ],
  },
  {
    because: "a program has at least one segment, and its end is far above 1",
    mutants: ["04.4 number: let brk = [0 => 1];", "04.4 number: let brk = [0 => -1];"],
  },
  {
    because: "`frames` is set at the end, whatever it was before",
    mutants: [
      "04.5 element: const memory: FamilyMemory = { owners: {}, [frames: 0, => ] copies: 0, reuses: 0 };",
      "04.5 number: const memory: FamilyMemory = { owners: {}, frames: [0 => 1], copies: 0, reuses: 0 };",
      "04.5 number: const memory: FamilyMemory = { owners: {}, frames: [0 => -1], copies: 0, reuses: 0 };",
    ],
  },
  {
    because: "a write always names its page; the default only satisfies the compiler",
    mutants: [
      '04.5 number: for (const { op, who, page = [0 => 1], child = "" } of steps) {',
      '04.5 number: for (const { op, who, page = [0 => -1], child = "" } of steps) {',
    ],
  },
  {
    because:
      "parent and child share the object of an entry only while both share its frame, and it is made writable only when one of them is left",
    mutants: [
      "04.5 call: family.set(child, new Map([[...mine].map(([at, entry]) => [at, { ...entry }]) => [...mine]]));",
    ],
  },
  {
    because:
      "the last owner gets a new object for its frame, which nobody else has either: frames have no names in the answer",
    mutants: [
      "04.5 condition: if ([owners > 1 => true]) mine.set(page, { frame: {}, writable: true });",
      "04.5 compare: if (owners [> => >=] 1) mine.set(page, { frame: {}, writable: true });",
      "04.5 number: if (owners > [1 => 0]) mine.set(page, { frame: {}, writable: true });",
    ],
  },
  {
    because: "two statements that do not depend on each other",
    mutants: [
      "04.5 order: [if (owners > 1) mine.set(page, { frame: {}, writable: true } ... ++; else memory.reuses++; => if (owners > 1) memory.copies++; else memory.reuses++; if (o ... se entry.writable = true;]",
      "04.5 order: [groups.set(frame, fresh); memory.owners[page] = [...(memory.owners[page] ?? []), fresh]; => memory.owners[page] = [...(memory.owners[page] ?? []), fresh]; groups.set(frame, fresh);]",
    ],
  },
];
