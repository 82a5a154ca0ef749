import { expect, it } from "vitest";
import { folioReferenced } from "../../../lib/mm/fault/rmap_referenced.js";
import { VM_LOCKED, VM_READ } from "../../../lib/mm/mm_types.js";
import { PG_locked, PG_mlocked } from "../../../lib/mm/pages/folio.js";
import { PAGE, withFile } from "../lru/isolated.js";

it("counts the areas that have used the folio, with their flags, and forgets it", () => {
  const { sys, alice, fd, folio } = withFile(4, "16 MiB", 4 * PAGE);
  const a = alice.mmap(4 * PAGE, { fd, prot: "r" });
  alice.touch(a, 4 * PAGE, "r");
  const bob = alice.fork("bob");
  bob.touch(a, PAGE, "r");
  const found = folioReferenced(sys, folio(0), true);
  expect([found.referenced, found.vmFlags & (VM_READ | VM_LOCKED)]).toEqual([2, VM_READ]); // not 8 entries
  expect(folioReferenced(sys, folio(0), true)).toMatchObject({ referenced: 0, vmFlags: 0 });
});

it("knows nothing of a page that a processor still has in its TLB", () => {
  const { sys, alice, fd, folio } = withFile(1);
  const a = alice.mmap(PAGE, { fd, prot: "r" });
  alice.touch(a, PAGE, "r");
  expect(folioReferenced(sys, folio(0), true).referenced).toBe(1);
  alice.load(a);
  expect(folioReferenced(sys, folio(0), true).referenced).toBe(0);
  sys.cpus[0]!.invlpg(a);
  alice.load(a);
  expect(folioReferenced(sys, folio(0), true).referenced).toBe(1);
});

it("does not count use through areas that are read once, or at random", () => {
  const { sys, alice, fd, folio } = withFile(1);
  const a = alice.mmap(PAGE, { fd, prot: "r" });
  alice.madvise(a, PAGE, "SEQUENTIAL");
  alice.touch(a, PAGE, "r");
  expect(folioReferenced(sys, folio(0), true).referenced).toBe(0);
});

it("takes a folio for used that somebody has locked, unless the caller has", () => {
  const { sys, alice, fd, folio } = withFile(1);
  const a = alice.mmap(PAGE, { fd, prot: "r" });
  alice.touch(a, PAGE, "r");
  folioReferenced(sys, folio(0), true);
  folio(0).flags |= PG_locked;
  expect(folioReferenced(sys, folio(0), false).referenced).toBe(1);
  expect(folioReferenced(sys, folio(0), true).referenced).toBe(0);
  folio(0).flags &= ~PG_locked;
  alice.munmap(a, PAGE);
  expect(folioReferenced(sys, folio(0), false).referenced).toBe(0); // nobody maps it
});

it("finds a lock that the folio does not know of, but not for a part of a large folio", () => {
  const { sys, alice, fd, folio } = withFile(4, "16 MiB", 4 * PAGE);
  const a = alice.mmap(4 * PAGE, { fd, prot: "r" });
  alice.touch(a, 4 * PAGE, "r");
  alice.mlock(a, 4 * PAGE);
  folio(0).flags &= ~PG_mlocked;
  expect(folioReferenced(sys, folio(0), true).vmFlags).toBe(VM_LOCKED);
  expect(folio(0).flags & PG_mlocked).toBe(PG_mlocked);
  alice.munmap(a, PAGE);
  folio(0).flags &= ~PG_mlocked;
  expect(folioReferenced(sys, folio(0), true).vmFlags).toBe(0);
});
