/**
 * Picture: what every drawing function of this folder returns, and the guide to all of them.
 *
 *   show(x, ...)       shows in the middle of a cell; the last expression of a cell shows itself
 *   table              table([{ level: 4, index: 0 }], { caption: "Indices", columns: ["level", "index"] })
 *   lines, points, bars, heat
 *                      lines(x, { "in turn": y1, "at random": y2 }, { title, x, y, alt }). See quick_plot.ts
 *   plot               plot({ title, x, y, alt, series }): the whole face below them. See figure.ts
 *
 *   drawAddress        bits of an address: drawAddress(0x401abc), drawAddress(0xc0000000, { levels: 2 })
 *   drawEntry          bits of an entry: drawEntry(0x8000000000005067n, { level: 1 })
 *   drawWalk           from CR3 to the frame or the fault: drawWalk(machine.explain(0x401abc))
 *   drawOwners         who maps which frame: { title, owners: [{ name, pages: [{ va, pfn, writable }] }] }
 *   drawAreas          an address space: { title, areas: [{ start, end, name: "[heap]", perms: "rw-p" }] }
 *   drawTlb            sets and ways: { title, sets: [[{ vpn: 0x401, pfn: 0x12 }, null]] }
 *   drawProcesses      parents, children, shared frames: { title, root: { pid, name, pfns, children } }
 *   drawTimeline       what happened when: { title, events: [{ atNs: 0, endNs: 900, lane, label }] }
 *   drawFaultPath      what the kernel does about one fault: drawFaultPath(machine, () => bob.store(at, 1, 7))
 *
 *   samplePressure     a machine watched over time: drawLists, drawWatermarks, drawRates, vmstatText of what it returns
 *   faultTimes         how long each page fault took, and why: drawFaultTimes
 *   drawFrames         a map of all frames by use and list: drawFrames(machine)
 *   drawAccesses       which addresses are used when: drawAccesses(addresses)
 *   drawGenerations    the same of a machine that keeps its pages in generations
 *   drawSwapActivity   pages to swap and back over time: drawSwapActivity(samplePressure(machine, act))
 *   drawSwapEntry      bits of an entry that names a slot: drawSwapEntry(0x07fffffffffffc08n)
 *   drawSwapMap        who has which slot of swap: drawSwapMap(machine)
 *   drawThrashing      work done over programs at once: drawThrashing({ disk: runs of measureThrashing })
 *   drawThrashingKinds what tells TLB, heap and page thrashing apart: drawThrashingKinds(thrashingKinds())
 *   drawPolicy         a replacement policy at work: drawPolicy("CLOCK", trace, 3); stepPolicy steps
 *   drawPolicyCurves   the misses of every policy over the size of memory: drawPolicyCurves(trace)
 *
 *   stepper            a series of pictures, forwards and backwards: stepper(states, draw), stepper(record(...), draw)
 *   stepWalk           a walk entry by entry: stepWalk(machine.explain(0x401abc))
 *   stepTables, stepTlb, stepFault, stepCache, stepReclaim, stepOwners, stepShares
 *                      page tables that grow, a TLB in use, a fault, a page cache, the lists while kswapd
 *                      works, a family: one call each
 *   stepSwapOut, stepSwapIn
 *                      one page on its way to swap, and back: stepSwapOut(machine, process, address)
 *   record             the states of the machine at each event: record(machine, () => alice.fork(), { capture })
 *
 *   areasOf(mm), ownersOf({ parent, child }), framesOf({ parent, child }), tlbSets(tlb)
 *                      the data for such drawings, taken from the running machine. See mm_data.ts
 *   showMm(mm)         an address space as a table of its mappings and entries. See show_mm.ts
 *
 * All but drawFaultPath take plain data. All throw a TypeError or RangeError that names what is wrong, give
 * the same bytes for the same data, have an alt text (made from the data where `alt` is not given) and a
 * plain-text form (`String(picture)`).
 *
 *    drawWalk(...) ---> Picture { title, alt, svg, text } ---> <img src="data:image/svg+xml;base64,..." alt="...">
 *
 * The SVG is wrapped in <img> because that is the one way that works in the classic Notebook, Notebook 7, Lab
 * and on pages made by nbconvert, in trusted notebooks and in others: a bare <svg> is thrown away by Lab's
 * sanitizer.
 *
 * Read first: show.ts. Read next: svg.ts, then the drawing you are interested in.
 */

import { base64Of } from "./embed.js";
import { JUPYTER_DISPLAY, type MimeBundle } from "./show.js";
import { escapeXml, px, type SvgFrame, svgDocument } from "./svg.js";
import { THEME_SCRIPT } from "./theme.js";

/**
 * A finished picture. The last expression of a cell shows it; `show(picture)` does so in the middle of one.
 */
export class Picture {
  readonly title: string;
  /** What a reader who cannot see the picture is told. */
  readonly alt: string;
  /** The whole SVG document. */
  readonly svg: string;
  readonly width: number;
  readonly height: number;
  private readonly text: string;

  constructor(frame: SvgFrame, body: readonly string[], text: string) {
    this.title = frame.title;
    this.alt = frame.desc;
    this.width = frame.width;
    this.height = frame.height;
    this.svg = svgDocument(frame, body);
    this.text = text;
  }

  /** The picture as an HTML image that needs nothing from outside. */
  protected get image(): string {
    const size = `width="${px(this.width)}" height="${px(this.height)}"`;
    return `<img src="data:image/svg+xml;base64,${base64Of(this.svg)}" alt="${escapeXml(this.alt)}" ${size} class="pagewalk-picture" style="max-width:100%;height:auto;color-scheme:light">`;
  }

  /** The image, and the script that fits it to the theme of the page. */
  get html(): string {
    return this.image + THEME_SCRIPT;
  }

  /** The same facts as aligned plain text. */
  toString(): string {
    return this.text;
  }

  [JUPYTER_DISPLAY](): MimeBundle {
    return { "text/html": this.html, "text/plain": this.toString() };
  }

  /** What console.log prints. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/**
 * Throws unless `value` is a string with something in it. `what` names it the way the caller wrote it, such
 * as "figure.title".
 */
export function requireText(value: unknown, what: string, hint: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  const got = value === undefined ? "it is missing" : `got ${JSON.stringify(value) ?? String(value)}`;
  throw new TypeError(`${what} must be a text, ${hint}; ${got}`);
}
