import { describe, expect, it } from "vitest";
import { MAX_SWAP_BADPAGES, makeSwapHeader, readSwapHeader } from "../../../lib/mm/swap/header.js";

/** The page with the 32-bit words of its header turned round, as a machine of the other kind writes it. */
function otherEndian(page: Uint8Array): Uint8Array {
  const turned = page.slice();
  for (let at = 1024; at < 4086 - 4; at += 4) turned.set(page.slice(at, at + 4).reverse(), at);
  return turned;
}

describe("the header of a swap area", () => {
  it("says what it was made of", () => {
    const page = makeSwapHeader(1000, [3, 999], "swap");
    expect(readSwapHeader(page)).toEqual({ version: 1, lastPage: 999, nrBadpages: 2, badpages: [3, 999] });
    expect(Buffer.from(page.subarray(4086)).toString()).toBe("SWAPSPACE2");
    expect(Buffer.from(page.subarray(1024 + 28, 1024 + 32)).toString()).toBe("swap");
  });

  it("is read whichever way round the machine that wrote it puts its bytes", () => {
    const page = makeSwapHeader(0x12345, [7]);
    expect(readSwapHeader(otherEndian(page))).toEqual(readSwapHeader(page));
  });

  it("is none without the magic word, whatever else is there", () => {
    const page = makeSwapHeader(1000);
    page[4095] = 0;
    expect(readSwapHeader(page)).toBeUndefined();
    expect(readSwapHeader(new Uint8Array(4096))).toBeUndefined();
  });

  it("has room for so many bad pages, and says so when it claims more", () => {
    const most = Array.from({ length: MAX_SWAP_BADPAGES }, (_, i) => i + 1);
    expect(readSwapHeader(makeSwapHeader(4096, most))?.badpages).toEqual(most);
    expect(() => makeSwapHeader(4096, [...most, 4000])).toThrow(RangeError);
    const page = makeSwapHeader(4096);
    new DataView(page.buffer).setUint32(1024 + 8, MAX_SWAP_BADPAGES + 1, true);
    const claimed = readSwapHeader(page);
    expect(claimed?.nrBadpages).toBe(MAX_SWAP_BADPAGES + 1);
    expect(claimed?.badpages.length).toBe(MAX_SWAP_BADPAGES);
  });

  it("refuses pages that cannot be", () => {
    for (const nr of [0, -1, 1.5, 2 ** 33]) expect(() => makeSwapHeader(nr)).toThrow(RangeError);
    for (const bad of [0, 10, -1, 2.5]) expect(() => makeSwapHeader(10, [bad])).toThrow(RangeError);
  });
});
