/**
 * Draw a timeline: what happened when, in simulated nanoseconds, one lane for each CPU, process or queue.
 *
 *    CPU 0   |==== fault ====|        |== flush ==|
 *    CPU 1           * IPI                    |=== wait ===|
 *            +-------+-------+-------+-------+-------+-----
 *            0 ns            1 µs            2 µs
 *
 * An event with an end is a bar, one without is a moment. Labels that would touch each other go to another
 * row of their lane.
 */

import { checkArguments, listOf, required, shape } from "../hw/signature.js";
import { Picture, requireText } from "./picture.js";
import { formatNs, makeScale, type Scale } from "./scale.js";
import {
  BOLD,
  element,
  fitText,
  INK,
  label,
  line,
  px,
  rect,
  SERIES_COLOURS,
  textWidth,
  wrap,
} from "./svg.js";

const EVENT = shape({ atNs: "number", endNs: "number?", lane: "text", label: "text", kind: "text?" });

/** One thing that happened. */
export interface TimelineEvent {
  /** Simulated time in nanoseconds. */
  readonly atNs: number;
  /** When it ended, for something that takes time. */
  readonly endNs?: number;
  readonly lane: string;
  readonly label: string;
  /** Events of one kind have one colour; the lane's colour unless given. */
  readonly kind?: string;
}

export interface TimelineData {
  readonly title: string;
  readonly events: readonly TimelineEvent[];
  /** The lanes from top to bottom; in order of first event unless given. */
  readonly lanes?: readonly string[];
  readonly alt?: string;
}

/** Most events of one picture. */
const MAX_EVENTS = 200;
const WIDTH = 760;
const ROW = 32;

interface PlacedEvent {
  readonly event: TimelineEvent;
  readonly row: number;
  readonly x: number;
  readonly end: number;
}

/** A picture of events in time. */
export function drawTimeline(data: TimelineData): Picture {
  checkArguments(
    "drawTimeline()",
    { data: required({ title: "any", events: listOf(EVENT), lanes: listOf("text"), alt: "text" }) },
    [data],
  );
  const title = requireText(data.title, "drawTimeline's title", "what the picture shows");
  checkEvents(data.events);
  const lanes = data.lanes ?? [...new Set(data.events.map((e) => e.lane))];
  const kinds = [...new Set(data.events.map((e) => e.kind).filter((k): k is string => k !== undefined))];
  const left = 24 + Math.min(150, Math.max(...lanes.map((l) => textWidth(l, 13) * BOLD)));
  const times = data.events.flatMap((e) => [e.atNs, e.endNs ?? e.atNs]);
  const axis = { label: "time", unit: "ns", format: "ns" } as const;
  const scale = makeScale(axis, times.length > 1 ? times : [...times, times[0]! + 1], left, WIDTH - 30, 7);

  const titleLines = wrap(title, WIDTH - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 22 + titleLines.length * 20 + (kinds.length > 0 ? 24 : 0);
  body.push(...legend(kinds, top - 16));
  const drawn: string[] = [];
  let y = top;
  lanes.forEach((lane, i) => {
    const placed = placeLane(
      data.events.filter((e) => e.lane === lane),
      scale,
    );
    const height = Math.max(1, ...placed.map((p) => p.row + 1)) * ROW + 8;
    if (i % 2 === 0) body.push(rect(1, y, WIDTH - 2, height, { fill: INK.fill }));
    drawn.push(label(left - 10, y + height / 2 + 4, fitText(lane, 146, 13), { bold: true, anchor: "end" }));
    for (const p of placed) drawn.push(eventMarkup(p, y + 4 + p.row * ROW, colourOf(p.event, i, kinds)));
    y += height;
  });
  body.push(...timeAxis(scale, top, y), ...drawn);
  const text = timelineText(data);
  const desc = data.alt ?? text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width: WIDTH, height: y + 46, title, desc }, body, text);
}

function checkEvents(events: readonly TimelineEvent[]): void {
  if (events.length === 0) throw new RangeError("drawTimeline() needs at least one event");
  if (events.length > MAX_EVENTS)
    throw new RangeError(`drawTimeline() shows at most ${MAX_EVENTS} events; got ${events.length}`);
  for (const event of events) {
    if (!Number.isFinite(event.atNs))
      throw new TypeError(`event "${event.label}" has no time atNs; got ${String(event.atNs)}`);
    if (event.endNs !== undefined && !(event.endNs >= event.atNs)) {
      throw new RangeError(
        `event "${event.label}" ends at ${event.endNs}, before it starts at ${event.atNs}`,
      );
    }
  }
}

/** How far a row of a lane is taken: by a bar or diamond, and by a label. */
interface TakenRow {
  bar: number;
  label: number;
}

/**
 * Each event in the first row of its lane in which neither its bar nor its label lies on another; bars may
 * touch.
 */
function placeLane(events: readonly TimelineEvent[], scale: Scale): PlacedEvent[] {
  const rows: TakenRow[] = [];
  return [...events]
    .sort((a, b) => a.atNs - b.atNs)
    .map((event) => {
      const x = scale.at(event.atNs);
      const isMoment = event.endNs === undefined;
      const bar = scale.at(event.endNs ?? event.atNs) + (isMoment ? 10 : 0);
      const needed = event.label === "" ? 0 : textWidth(event.label, 11) + 12;
      const labelAt = needed === 0 ? Number.POSITIVE_INFINITY : Math.min(x, WIDTH - 12 - needed) - 6;
      const left = isMoment ? x - 6 : x + 0.5;
      let row = rows.findIndex((taken) => taken.bar <= left && taken.label <= labelAt);
      if (row < 0) row = rows.push({ bar: 0, label: 0 }) - 1;
      const taken = rows[row]!;
      taken.bar = bar;
      if (needed > 0) taken.label = Math.max(taken.label, x + needed);
      return { event, row, x, end: scale.at(event.endNs ?? event.atNs) };
    });
}

function colourOf(event: TimelineEvent, lane: number, kinds: readonly string[]): string {
  const index = event.kind === undefined ? lane : kinds.indexOf(event.kind);
  return SERIES_COLOURS[index % SERIES_COLOURS.length]!;
}

/**
 * A bar with its label above, or a diamond with its label beside it; near the right edge the label ends at
 * the edge.
 */
function eventMarkup(placed: PlacedEvent, y: number, colour: string): string {
  const { event, x, end } = placed;
  const width = textWidth(event.label, 11);
  if (event.endNs !== undefined) {
    const at = Math.min(x, WIDTH - 10 - width);
    return (
      rect(x, y + 15, Math.max(2, end - x), 11, { fill: colour, rx: 2 }) +
      label(at, y + 11, event.label, { size: 11 })
    );
  }
  const d = `M${px(x)} ${px(y + 15)}L${px(x + 5)} ${px(y + 20)}L${px(x)} ${px(y + 25)}L${px(x - 5)} ${px(y + 20)}Z`;
  const at = Math.min(x - 4, WIDTH - 10 - width);
  return element("path", { d, fill: colour }) + label(at, y + 11, event.label, { size: 11 });
}

function legend(kinds: readonly string[], y: number): string[] {
  let x = 16;
  return kinds.map((kind, i) => {
    const out =
      rect(x, y - 9, 14, 10, { fill: SERIES_COLOURS[i % SERIES_COLOURS.length], rx: 2 }) +
      label(x + 20, y, kind, { size: 12 });
    x += 38 + textWidth(kind, 12);
    return out;
  });
}

function timeAxis(scale: Scale, top: number, bottom: number): string[] {
  const out = scale.ticks.flatMap((tick) => [
    line(scale.at(tick), top, scale.at(tick), bottom, { stroke: INK.edge, "stroke-dasharray": "2 4" }),
    label(scale.at(tick), bottom + 18, formatNs(tick), { size: 12, anchor: "middle", fill: INK.faint }),
  ]);
  const [start, end] = [scale.at(scale.domain[0]), scale.at(scale.domain[1])];
  out.push(line(start, bottom, end, bottom, { stroke: INK.faint }));
  out.push(label((start + end) / 2, bottom + 37, "simulated time", { size: 12, anchor: "middle" }));
  return out;
}

function timelineText(data: TimelineData): string {
  const events = [...data.events].sort((a, b) => a.atNs - b.atNs);
  const times = events.map((e) =>
    e.endNs === undefined ? formatNs(e.atNs) : `${formatNs(e.atNs)} to ${formatNs(e.endNs)}`,
  );
  const wide = Math.max(...times.map((t) => t.length));
  const lane = Math.max(...events.map((e) => e.lane.length));
  const lines = events.map((e, i) => `  ${times[i]!.padStart(wide)}  ${e.lane.padEnd(lane)}  ${e.label}`);
  return [data.title, ...lines].join("\n");
}
