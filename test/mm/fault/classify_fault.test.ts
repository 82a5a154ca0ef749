import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { PF_PROT, PF_WRITE } from "../../../lib/hw/fault.js";
import { Ram } from "../../../lib/hw/ram.js";
import { accessError, classifyFault } from "../../../lib/mm/fault/classify_fault.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import {
  MmStruct,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_READ,
  VM_WRITE,
  VmAreaStruct,
} from "../../../lib/mm/mm_types.js";
import { MemorySystem } from "../../../lib/mm/system.js";

/** A VMA at 0x8000 to 0xa000. */
function vmaWith(vmFlags: number): VmAreaStruct {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  const vma = new VmAreaStruct(new MmStruct(sys));
  vma.vmStart = 0x8000;
  vma.vmEnd = 0xa000;
  vma.vmFlags = vmFlags;
  return vma;
}

describe("classifyFault", () => {
  it("asks first whether anything is mapped there", () => {
    expect(classifyFault(undefined, 0x8000, 0)).toBe("maperr");
    expect(classifyFault(vmaWith(VM_READ), 0x7fff, 0)).toBe("maperr");
    expect(classifyFault(vmaWith(VM_READ), 0x8000, 0)).toBe("good");
  });

  it("lets a mapping that grows down be extended, whatever the access", () => {
    for (const code of [0, PF_WRITE, PF_PROT])
      expect(classifyFault(vmaWith(VM_READ | VM_GROWSDOWN), 0x7fff, code)).toBe("grow");
  });

  it("refuses a write where nothing may be written", () => {
    expect(classifyFault(vmaWith(VM_READ | VM_EXEC), 0x8000, PF_WRITE)).toBe("accerr");
    expect(classifyFault(vmaWith(VM_READ | VM_WRITE), 0x8000, PF_WRITE)).toBe("good");
    expect(classifyFault(vmaWith(VM_READ | VM_WRITE), 0x8000, PF_WRITE | PF_PROT)).toBe("good"); // copy on write
  });

  it("refuses what is no write and found the page present, or may do nothing at all", () => {
    expect(classifyFault(vmaWith(VM_READ), 0x8000, PF_PROT)).toBe("accerr"); // a fetch from NX
    expect(classifyFault(vmaWith(0), 0x8000, 0)).toBe("accerr");
  });
});

describe("accessError", () => {
  it("lets any one right do for a page that is not there yet", () => {
    for (const right of [VM_READ, VM_WRITE, VM_EXEC]) expect(accessError(0, vmaWith(right))).toBe(false);
  });
});
