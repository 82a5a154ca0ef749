import { expect } from "vitest";

/** Fails unless `xml` is well formed: tags nest, attributes are quoted and unique, no bare "<" or "&" in text. */
export function expectWellFormed(xml: string): void {
  const open: string[] = [];
  const token = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
  let at = 0;
  while (at < xml.length) {
    token.lastIndex = at;
    const m = token.exec(xml);
    if (!m) throw new Error(`not well formed at ${at}: ${xml.slice(at, at + 60)}`);
    const [whole, close, name, attributes, empty, text] = m;
    expect(text ?? attributes ?? "").not.toMatch(/&(?!(amp|lt|gt|quot|#39);)/);
    const keys = [...(attributes ?? "").matchAll(/([\w:-]+)="/g)].map((k) => k[1]);
    expect(new Set(keys).size).toBe(keys.length);
    if (name !== undefined && close === "/") expect(open.pop()).toBe(name);
    else if (name !== undefined && empty !== "/") open.push(name);
    at += whole.length;
  }
  expect(open).toEqual([]);
  expect(xml).not.toMatch(/NaN|Infinity|undefined/);
}
