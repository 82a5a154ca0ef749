/**
 * Marks: what is different in a picture against the one before it, found in the pictures themselves.
 *
 *    before   [0x400→0x12] [          ]        [0x402→0x14]
 *    after    [0x400→0x12] [0x401→0x13]
 *                          ^^^^^^^^^^^^        ------------
 *                          thick frame: new    dashed frame: gone, and nothing has taken its place
 *
 * A drawing function need not know that it is one of a series. Both pictures are read as lists of elements,
 * and
 *
 *    the same element at the same place            is unchanged
 *    six or more that moved by the same distance   have only made room: a row was added above them
 *    a box that grew around what it held before    has only made room, too
 *    everything else                               is new or changed
 *
 * A text is marked by the box that it stands in, a line by a thicker line. Titles are left alone: a title
 * that says which step this is changes every time. The marks differ from what they mark in width and in
 * dashes, not by their colour alone, and the changed texts are given back, for those who cannot see the
 * marks.
 *
 * Not in Linux. Read first: svg.ts. Read next: stepper.ts.
 */

import { BOLD, element, INK, px, rect, textWidth } from "./svg.js";

/** A rectangle in a picture, in pixels. */
interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One element of a picture. */
interface Drawn {
  readonly markup: string;
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The letters of a text; "" for anything else. */
  readonly text: string;
  /** Where it lies; undefined for a group, which is never marked: legends stand in groups. */
  readonly box: Box | undefined;
  /** All of it but its place. */
  readonly kind: string;
}

/** What has changed from one picture to the next. */
interface Changes {
  /** SVG elements to lay over the later picture. */
  readonly marks: readonly string[];
  /** The texts that are new. */
  readonly texts: readonly string[];
  /** The texts that are gone, and that no new one stands in place of. */
  readonly gone: readonly string[];
}

/** So many elements that moved alike have made room for something. */
const MOVED_TOGETHER = 6;
/** A box higher than this is a panel with things in it, not the frame of one text. */
const HIGHEST_FRAME = 90;
/** Boxes up to this height are joined where they touch. */
const LOW = 24;
const PLACE = new Set(["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "points", "d", "transform"]);

/** The elements directly inside `markup`, each as it is written. */
export function splitElements(markup: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let start = 0;
  for (const tag of markup.matchAll(/<(\/?)[a-zA-Z][^>]*?(\/?)>/g)) {
    if (depth === 0) start = tag.index;
    if (tag[1] === "/") depth--;
    else if (tag[2] !== "/") depth++;
    if (depth === 0) out.push(markup.slice(start, tag.index + tag[0].length));
  }
  return out;
}

function unescapeXml(text: string): string {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => names[name]!);
}

function read(markup: string): Drawn {
  const [, tag, head, inner] = /^<([\w:]+)((?:\s+[\w:-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*))$/.exec(markup)!;
  const attributes: Record<string, string> = {};
  for (const [, name, value] of head!.matchAll(/([\w:-]+)="([^"]*)"/g)) attributes[name!] = value!;
  const text = tag === "text" ? unescapeXml((inner ?? "").replace(/<[^>]*>/g, "")) : "";
  const box = boxOf(tag!, attributes, text);
  const look = Object.entries(attributes).filter(([name]) => !PLACE.has(name));
  const shape = shapeOf(attributes, box);
  return { markup, tag: tag!, attributes, text, box, kind: JSON.stringify([tag, look, text, shape, inner]) };
}

/** The points of a path, polygon or line. */
function pointsOf(attributes: Readonly<Record<string, string>>): number[] {
  const { x1, y1, x2, y2, points, d } = attributes;
  if (x1 !== undefined) return [x1, y1, x2, y2].map(Number);
  return [...(points ?? d ?? "").matchAll(/-?\d+(?:\.\d+)?/g)].map(Number);
}

function shapeOf(attributes: Readonly<Record<string, string>>, box: Box | undefined): string {
  const points = pointsOf(attributes);
  if (box === undefined || points.length === 0) return "";
  return points.map((value, i) => px(value - (i % 2 === 0 ? box.x : box.y))).join(" ");
}

function boxOf(tag: string, attributes: Readonly<Record<string, string>>, text: string): Box | undefined {
  const at = (name: string): number => Number(attributes[name] ?? 0);
  if (tag === "rect") return { x: at("x"), y: at("y"), width: at("width"), height: at("height") };
  if (tag === "circle")
    return { x: at("cx") - at("r"), y: at("cy") - at("r"), width: 2 * at("r"), height: 2 * at("r") };
  if (tag === "text") return boxOfText(attributes, text);
  const points = pointsOf(attributes);
  if (points.length < 2 || /[hvHVaAcCqQsStT]/.test(attributes.d ?? "")) return undefined;
  const xs = points.filter((_, i) => i % 2 === 0);
  const ys = points.filter((_, i) => i % 2 === 1);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

function boxOfText(attributes: Readonly<Record<string, string>>, text: string): Box | undefined {
  if (attributes.transform !== undefined) return undefined;
  const size = Number(attributes["font-size"]);
  const mono = attributes["font-family"] !== undefined;
  const wider = !mono && attributes["font-weight"] === "bold" ? BOLD : 1;
  const width = textWidth(text, size, mono) * wider;
  const anchor = attributes["text-anchor"];
  const left = anchor === "middle" ? width / 2 : anchor === "end" ? width : 0;
  return { x: Number(attributes.x) - left, y: Number(attributes.y) - size * 0.8, width, height: size };
}

/** Titles of all drawings are written in this size. */
function isTitle({ tag, attributes }: Drawn): boolean {
  return tag === "text" && attributes["font-size"] === "16" && attributes["font-weight"] === "bold";
}

/** `of` without what is in `also`, as often as it is there. */
function without(of: readonly Drawn[], also: readonly Drawn[]): Drawn[] {
  const left = new Map<string, number>();
  for (const { markup } of also) left.set(markup, (left.get(markup) ?? 0) + 1);
  return of.filter(({ markup }) => {
    const n = left.get(markup) ?? 0;
    if (n > 0) left.set(markup, n - 1);
    return n === 0 && markup !== "";
  });
}

/** The elements of both lists that have only moved, with many others, by one distance. */
function movedTogether(before: readonly Drawn[], after: readonly Drawn[]): Set<Drawn> {
  const byKind = new Map<string, Drawn[]>();
  for (const old of before) byKind.set(old.kind, [...(byKind.get(old.kind) ?? []), old]);
  const byDistance = new Map<string, [Drawn, Drawn][]>();
  for (const now of after)
    for (const old of byKind.get(now.kind) ?? []) {
      if (now.box === undefined || old.box === undefined) continue;
      const distance = `${px(now.box.x - old.box.x)} ${px(now.box.y - old.box.y)}`;
      byDistance.set(distance, [...(byDistance.get(distance) ?? []), [now, old]]);
    }
  const moved = new Set<Drawn>();
  for (const pairs of [...byDistance.values()].sort((a, b) => b.length - a.length)) {
    const free = pairs.filter(([now, old]) => !moved.has(now) && !moved.has(old));
    if (free.length < MOVED_TOGETHER) continue;
    for (const [now, old] of free) {
      moved.add(now);
      moved.add(old);
    }
  }
  return moved;
}

function contains(outer: Box, inner: Box): boolean {
  const [right, bottom] = [inner.x + inner.width, inner.y + inner.height];
  const slack = 2;
  return (
    outer.x - slack <= inner.x &&
    outer.y - slack <= inner.y &&
    outer.x + outer.width + slack >= right &&
    outer.y + outer.height + slack >= bottom
  );
}

function meets(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** A box that has another size only because more, or less, stands in it. */
function isResized(now: Drawn, before: readonly Drawn[], unchanged: readonly Drawn[]): boolean {
  if (now.tag !== "rect") return false;
  const look = ({ attributes }: Drawn): string =>
    JSON.stringify(Object.entries(attributes).filter(([name]) => !/^(x|y|width|height)$/.test(name)));
  const same = before.some(
    (old) => old.tag === "rect" && look(old) === look(now) && meets(old.box!, now.box!),
  );
  return same && unchanged.some((one) => one.tag === "text" && one.box && contains(now.box!, one.box));
}

/** The smallest frame around `box`, where there is one that is no panel. */
function frameAround(box: Box, all: readonly Drawn[]): Box | undefined {
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2, width: 0.1, height: 0.1 };
  return all
    .filter((one) => one.tag === "rect" && one.box!.height <= HIGHEST_FRAME && contains(one.box!, middle))
    .map((one) => one.box!)
    .sort((a, b) => a.width * a.height - b.width * b.height)[0];
}

function isStroke({ tag, attributes }: Drawn): boolean {
  return tag === "line" || attributes.fill === "none";
}

/** A thick copy of a line; the head of an arrow in the same colour. */
function thickLine({ tag, attributes }: Drawn): string {
  const { "stroke-dasharray": _, ...rest } = attributes;
  const paint = isStroke({ tag, attributes } as Drawn)
    ? { stroke: INK.alarm, "stroke-width": 3.5 }
    : { fill: INK.alarm };
  return element(tag, { ...rest, ...paint });
}

function frameMark(box: Box, dashed: boolean): string {
  const room = box.height < 10 || dashed ? 3 : 1;
  return rect(box.x - room, box.y - room, box.width + 2 * room, box.height + 2 * room, {
    rx: 4,
    fill: "none",
    stroke: INK.alarm,
    "stroke-width": box.width < 20 ? 2.5 : 3,
    "stroke-dasharray": dashed ? "7 5" : undefined,
  });
}

/** Boxes that lie in no other one; small ones side by side, such as the squares of pages, become one. */
function outermost(boxes: readonly Box[]): Box[] {
  const outer = boxes.filter(
    (box, i) =>
      !boxes.some((other, k) => k !== i && contains(other, box) && (k < i || !contains(box, other))),
  );
  const joined: Box[] = [];
  for (let box of outer) {
    for (let at = joined.findIndex((one) => touch(one, box)); at >= 0; ) {
      box = union(joined.splice(at, 1)[0]!, box);
      at = joined.findIndex((one) => touch(one, box));
    }
    joined.push(box);
  }
  return joined;
}

/** Whether two low boxes stand in one row, or in one column, and leave nothing between them. */
function touch(a: Box, b: Box): boolean {
  if (a.height > LOW || b.height > LOW) return false;
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const row = across >= -2 && down >= Math.max(a.height, b.height) / 2;
  return row || (down >= -2 && across >= Math.min(a.width, b.width) / 2);
}

function union(a: Box, b: Box): Box {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  const [right, bottom] = [Math.max(a.x + a.width, b.x + b.width), Math.max(a.y + a.height, b.y + b.height)];
  return { x, y, width: right - x, height: bottom - y };
}

/** A text by itself gets a little room in its frame. */
function markBox(one: Drawn, all: readonly Drawn[]): Box {
  const box = one.box!;
  if (one.tag !== "text") return box;
  const frame = frameAround(box, all);
  return frame ?? { x: box.x - 3, y: box.y - 2, width: box.width + 6, height: box.height + 5 };
}

/**
 * What is different in the picture of `after` against that of `before`; both are lists of elements as
 * written.
 */
export function changesBetween(before: readonly string[], after: readonly string[]): Changes {
  const [old, all] = [before.map(read), after.map(read)];
  const goneAtFirst = without(old, all).filter((one) => !isTitle(one));
  const newAtFirst = without(all, old).filter((one) => !isTitle(one));
  const moved = movedTogether(goneAtFirst, newAtFirst);
  const candidates = newAtFirst.filter((one) => !moved.has(one));
  const unchanged = all.filter((one) => !candidates.includes(one));
  const fresh = candidates.filter((one) => one.box && !isResized(one, goneAtFirst, unchanged));
  const lost = goneAtFirst.filter((one) => one.box && !moved.has(one));
  const isHead = (one: Drawn): boolean => one.tag === "polygon";
  const boxed = fresh.filter((one) => !isStroke(one) && !isHead(one)).map((one) => markBox(one, all));
  const emptied = lost.flatMap((one) => (one.tag === "text" ? (frameAround(one.box!, all) ?? []) : []));
  const solid = outermost([...boxed, ...emptied]);
  const bare = lost.filter((one) => one.tag === "rect" && isBare(one.box!, all, solid));
  const dashed = outermost(bare.map((one) => one.box!));
  const lines = fresh.filter((one) => isStroke(one) || isHead(one)).map(thickLine);
  const marks = [
    ...lines,
    ...solid.map((b) => frameMark(b, false)),
    ...dashed.map((b) => frameMark(b, true)),
  ];
  const texts = fresh.flatMap(({ text }) => (text === "" ? [] : [text]));
  const gone = lost.filter((one) => one.text !== "" && !texts.includes(one.text)).map(({ text }) => text);
  return { marks, texts, gone };
}

/** Whether nothing lies now where something was. */
function isBare(box: Box, all: readonly Drawn[], solid: readonly Box[]): boolean {
  const isPanel = (outer: Box): boolean => outer.height > HIGHEST_FRAME && contains(outer, box);
  const taken = all.some(
    ({ tag, box: other }) =>
      other !== undefined && /^(text|rect|circle)$/.test(tag) && meets(other, box) && !isPanel(other),
  );
  return !taken && !solid.some((other) => meets(other, box));
}
