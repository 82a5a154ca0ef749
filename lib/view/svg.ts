/**
 * SVG: the few elements that every picture of this folder is built from, written as strings.
 *
 *      svgDocument({width, height, title, desc}, [rect(...), label(...), arrow(...)])
 *            |
 *            +-- a card with rounded corners              light, and dark on a dark page: see theme.ts
 *            +-- <title> and <desc>                       read aloud by a screen reader
 *            +-- the body, in the order given             later elements lie on top
 *
 * A picture is shown through <img>, so it can load no font, no style sheet and no script: all that it needs
 * is in the attributes. Coordinates are pixels, x to the right, y down, rounded to a hundredth so that equal
 * input gives equal bytes. Every text goes through `escapeXml`.
 *
 * Widths of text cannot be measured without a browser. `textWidth` estimates them for the widest of the fonts
 * that are asked for, so that a label that fits here fits on the learner's screen.
 *
 * Read first: picture.ts. Read next: any of the diagrams.
 */

import { darkStyle } from "./theme.js";

/** Okabe and Ito's eight colours, which people with any common colour blindness can tell apart. */
export const OKABE_ITO = {
  black: "#000000",
  orange: "#E69F00",
  sky: "#56B4E9",
  green: "#009E73",
  yellow: "#F0E442",
  blue: "#0072B2",
  vermilion: "#D55E00",
  purple: "#CC79A7",
} as const;

/**
 * The order in which series take their colours; yellow is left out because a thin yellow line on white is
 * hard to see.
 */
export const SERIES_COLOURS: readonly string[] = [
  OKABE_ITO.blue,
  OKABE_ITO.vermilion,
  OKABE_ITO.green,
  OKABE_ITO.purple,
  OKABE_ITO.orange,
  OKABE_ITO.sky,
  OKABE_ITO.black,
  "#6B7480", // grey: an eighth, told apart by its dashes and its mark as well
];

/** Colours of the card and of what is written on it. Text has a contrast of at least 7 to 1. */
export const INK = {
  card: "#FFFFFF",
  edge: "#C8CDD3",
  text: "#1B1F24",
  faint: "#4A525C",
  grid: "#E3E6EA",
  fill: "#F2F4F7",
  alarm: "#A33F00",
  /** Text on a full colour, in a dark theme too. */
  onColour: "#101418",
} as const;

const SANS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
const MONO = "Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace";

type Attributes = Readonly<Record<string, string | number | undefined>>;

/**
 * `text` with the characters that mean something in XML and HTML replaced, and control characters made
 * visible.
 */
export function escapeXml(text: string): string {
  return text
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/'/g, "&#39;")
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, (c) => (c === "\n" || c === "\t" ? " " : "\uFFFD"));
}

/** A coordinate with at most two decimals, and never "-0". */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100 + 0);
}

/** One element; attributes that are undefined are left out. `children` are markup already, not text. */
export function element(name: string, attributes: Attributes, children = ""): string {
  let out = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) out += ` ${key}="${typeof value === "number" ? px(value) : escapeXml(value)}"`;
  }
  return children === "" ? `${out}/>` : `${out}>${children}</${name}>`;
}

/**
 * Elements that belong together and are not part of the story, such as a legend: a stepper marks nothing in
 * them.
 */
export function group(elements: readonly string[]): string {
  return elements.length === 0 ? "" : element("g", {}, elements.join(""));
}

/** A rectangle with its top left corner at (x, y). */
export function rect(
  x: number,
  y: number,
  width: number,
  height: number,
  attributes: Attributes = {},
): string {
  return element("rect", { x, y, width: Math.max(0, width), height: Math.max(0, height), ...attributes });
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}): string {
  return element("line", { x1, y1, x2, y2, stroke: INK.edge, ...attributes });
}

/** How a label looks: size in pixels, where (x, y) lies on it, fixed-width or not. */
interface LabelStyle {
  readonly size?: number;
  readonly anchor?: "start" | "middle" | "end";
  readonly fill?: string;
  readonly bold?: boolean;
  readonly mono?: boolean;
  /** Degrees, clockwise, about (x, y). */
  readonly rotate?: number;
}

/** One line of text whose baseline starts, is centred or ends at (x, y). */
export function label(x: number, y: number, text: string, style: LabelStyle = {}): string {
  const attributes = {
    x,
    y,
    "font-size": style.size ?? 13,
    "font-family": style.mono ? MONO : undefined,
    "text-anchor": style.anchor === "start" ? undefined : style.anchor,
    "font-weight": style.bold ? "bold" : undefined,
    fill: style.fill ?? INK.text,
    transform: style.rotate === undefined ? undefined : `rotate(${style.rotate} ${px(x)} ${px(y)})`,
    "xml:space": text.includes("  ") ? "preserve" : undefined,
  };
  return element("text", attributes, escapeXml(text));
}

/** An arrow through `points`, with its head at the last of them. */
export function arrow(points: readonly (readonly [number, number])[], attributes: Attributes = {}): string {
  const stroke = String(attributes.stroke ?? INK.faint);
  const [tipX, tipY] = points[points.length - 1]!;
  const [fromX, fromY] = points[points.length - 2]!;
  const length = Math.hypot(tipX - fromX, tipY - fromY) || 1;
  const [ux, uy] = [(tipX - fromX) / length, (tipY - fromY) / length];
  const [backX, backY] = [tipX - ux * 8, tipY - uy * 8];
  const path = points
    .slice(0, -1)
    .concat([[backX, backY]])
    .map(([x, y], i) => `${i === 0 ? "M" : "L"}${px(x)} ${px(y)}`)
    .join("");
  const head = [
    [tipX, tipY],
    [backX - uy * 4, backY + ux * 4],
    [backX + uy * 4, backY - ux * 4],
  ]
    .map(([x, y]) => `${px(x!)},${px(y!)}`)
    .join(" ");
  return (
    element("path", { d: path, fill: "none", "stroke-width": 1.5, ...attributes, stroke }) +
    element("polygon", { points: head, fill: stroke })
  );
}

/** Widths of a character in units of the font size, for the widest font that a label may be shown in. */
function charWidth(c: string): number {
  if (/[ijlI.,:;'|!()[\]ft ]/.test(c)) return 0.38;
  if (/[mwMW@%]/.test(c)) return 0.95;
  if (/[A-Z0-9=+~#]/.test(c)) return 0.66;
  return c.codePointAt(0)! > 0x2e80 ? 1 : 0.6;
}

/** How much wider a text is in bold letters. */
export const BOLD = 1.08;

/**
 * An upper estimate of how many pixels `text` takes at `size` pixels. Not in Linux: text is not measured
 * there.
 */
export function textWidth(text: string, size = 13, mono = false): number {
  if (mono) return [...text].length * size * 0.61;
  let width = 0;
  for (const c of text) width += charWidth(c);
  return width * size;
}

/** `text` cut so that it fits into `width` pixels, ending in an ellipsis where it was cut. */
export function fitText(text: string, width: number, size = 13, mono = false): string {
  if (textWidth(text, size, mono) <= width) return text;
  let cut = [...text];
  while (cut.length > 0 && textWidth(`${cut.join("")}…`, size, mono) > width) cut = cut.slice(0, -1);
  return cut.length === 0 ? "" : `${cut.join("").trimEnd()}…`;
}

/**
 * `text` broken between words into lines of at most `width` pixels; a word longer than that keeps its own
 * line.
 */
export function wrap(text: string, width: number, size = 13): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (current !== "" && textWidth(longer, size) > width) {
      lines.push(current);
      current = word;
    } else current = longer;
  }
  if (current !== "") lines.push(current);
  return lines;
}

/** What a whole picture needs besides its body. */
export interface SvgFrame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly desc: string;
}

/** A complete SVG document: a light card with `body` on it, a title and a description for screen readers. */
export function svgDocument(frame: SvgFrame, body: readonly string[]): string {
  const { width, height, title, desc } = frame;
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width,
    height,
    viewBox: `0 0 ${px(width)} ${px(height)}`,
    role: "img",
    "aria-label": desc,
    "font-family": SANS,
  };
  const card = rect(0.5, 0.5, width - 1, height - 1, { rx: 6, fill: INK.card, stroke: INK.edge });
  const children = [
    element("title", {}, escapeXml(title) || " "),
    element("desc", {}, escapeXml(desc) || " "),
    card,
    ...body,
  ].join("");
  return element("svg", attributes, darkStyle(children) + children);
}
