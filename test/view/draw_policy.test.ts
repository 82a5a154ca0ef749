import { describe, expect, it } from "vitest";
import { drawPolicy } from "../../lib/view/draw_policy.js";

const BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];

describe("drawPolicy", () => {
  it("says how often FIFO misses, once more with one frame more", () => {
    expect(drawPolicy("FIFO", BELADY, 3).toString()).toContain("5: hit  [5 | 3 | 4");
    expect(drawPolicy("FIFO", BELADY, 3).svg).toContain("FIFO with 3 frames: 9 misses");
    expect(drawPolicy("FIFO", BELADY, 4).svg).toContain("FIFO with 4 frames: 10 misses");
  });

  it("marks a page that has just come in, and each miss, and no hit", () => {
    const svg = drawPolicy("LRU", [1, 2, 1], 2).svg;
    expect(svg.match(/>miss</g)).toHaveLength(2);
    expect(svg.match(/>hit</g)).toHaveLength(1);
    expect(svg.match(/<rect[^>]*#FBE3B0/g)).toHaveLength(2);
  });

  it("refuses what nobody can read", () => {
    expect(() => drawPolicy("LRU", new Array(25).fill(1), 2)).toThrow(/1 to 24 references/);
    expect(() => drawPolicy("LRU", [1], 13)).toThrow(/up to 12 frames/);
  });
});
