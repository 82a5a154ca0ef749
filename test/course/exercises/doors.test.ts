import { describe, expect, it } from "vitest";
import { wrongDoor } from "../../../lib/course/exercises/doors.js";

describe("wrongDoor", () => {
  it("passes what is behind the door that is named, types and new names too", () => {
    const text = `import { boot, type Machine, hex as inHex } from "pagewalk";
import type { VmFault } from "pagewalk/kernel";
import {
  doWpPage,
  type VmFaultResult,
} from "pagewalk/kernel";
`;
    expect(wrongDoor(text)).toBeUndefined();
  });

  it("names the line of what is behind the other door, and the door", () => {
    const text = `// import { doWpPage } from here\nimport {\n  boot,\n  doWpPage as mine,\n} from "pagewalk";\n`;
    expect(wrongDoor(text)).toEqual({
      line: 4,
      name: "doWpPage",
      advice: 'is not in "pagewalk"; import it from "pagewalk/kernel"',
    });
    expect(wrongDoor('import { type Machine } from "pagewalk/kernel";')?.advice).toContain('from "pagewalk"');
  });

  it("says of a name that does not exist that it is behind neither", () => {
    expect(wrongDoor('import { boot, bot } from "pagewalk";')).toEqual({
      line: 1,
      name: "bot",
      advice: 'is neither in "pagewalk" nor in "pagewalk/kernel"',
    });
  });

  it("leaves other modules to others", () => {
    expect(wrongDoor('import { readFileSync } from "node:fs";')).toBeUndefined();
  });
});
