import { describe, expect, it } from "vitest";
import { classifyFault } from "../../lib/mm/fault/classify_fault.js";
import { copyPresentPte } from "../../lib/mm/fault/copy_page_range.js";
import { doReadFault } from "../../lib/mm/fault/file_fault.js";
import { doAnonymousPage } from "../../lib/mm/fault/memory.js";
import { doWpPage } from "../../lib/mm/fault/wp.js";
import { linuxMmParts } from "../../lib/mm/linux_parts.js";
import { doMlock } from "../../lib/mm/vma/mlock.js";

describe("linuxMmParts", () => {
  it("has the function of each part's own name", () => {
    expect(linuxMmParts()).toMatchObject({
      classifyFault,
      copyPresentPte,
      doAnonymousPage,
      doMlock,
      doReadFault,
      doWpPage,
    });
    for (const [name, part] of Object.entries(linuxMmParts()))
      expect((part as { name: string }).name).toBe(name);
  });

  it("is a table of its own for each machine, which a boot may change", () => {
    const parts = linuxMmParts();
    parts.doWpPage = () => 0;
    expect(linuxMmParts().doWpPage).toBe(doWpPage);
  });
});
