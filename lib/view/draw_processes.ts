/**
 * Draw processes: a tree of parents and children, and the page frames that each of them maps.
 *
 *                  +--------------+
 *                  | 1 init       |
 *                  | [12][13][14] |
 *                  +--------------+
 *                   /            \
 *       +--------------+     +--------------+
 *       | 7 sh         |     | 8 redis      |
 *       | [12][13][20] |     | [12]         |
 *       +--------------+     +--------------+
 *
 * A frame that several processes of the tree map is light and says how many; a frame of one process alone is
 * dark. For the rights and addresses of each mapping see draw_owners.ts.
 */

import { hex } from "../hw/address.js";
import { checkArguments, required, shape } from "../hw/signature.js";
import { Picture, requireText } from "./picture.js";
import { BOLD, fitText, group, INK, label, line, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

const NODE = shape({
  pid: "integer",
  name: "text",
  pfns: "list?",
  note: "text?",
  highlight: "flag?",
  children: "list?",
});

/** One process, its frames, and its children. */
export interface ProcessNode {
  readonly pid: number;
  readonly name: string;
  /** Frames that it maps; at most 64 are drawn. */
  readonly pfns?: readonly number[];
  /** Such as "exited", "killed", "512 KiB private". */
  readonly note?: string;
  readonly highlight?: boolean;
  readonly children?: readonly ProcessNode[];
}

export interface ProcessesData {
  readonly title: string;
  readonly root: ProcessNode;
  readonly alt?: string;
}

const CHIP = { width: 46, height: 20 };
const PER_ROW = 4;
/** Most frames drawn in one process. */
const MAX_CHIPS = 64;
const GAP = 20;

/** A node with its place: `left` and `width` of its whole subtree, its own box, and its depth. */
interface Placed {
  readonly node: ProcessNode;
  readonly depth: number;
  readonly x: number;
  readonly width: number;
  readonly children: readonly Placed[];
}

/** A picture of a tree of processes and the frames they share. */
export function drawProcesses(data: ProcessesData): Picture {
  checkArguments("drawProcesses()", { data: required({ title: "any", root: NODE, alt: "text" }) }, [data]);
  const title = requireText(data.title, "drawProcesses' title", "what the picture shows");
  const owners = countOwners(data.root);
  const tree = place(data.root, 0, 16);
  const width = Math.max(spanOf(data.root) + 32, 480);
  const lines = wrap(title, width - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const heights: number[] = [];
  visit(tree, (p) => {
    heights[p.depth] = Math.max(heights[p.depth] ?? 0, boxHeight(p.node));
  });
  const tops: number[] = [];
  let y = 28 + lines.length * 20;
  for (const height of heights) {
    tops.push(y);
    y += height + 36;
  }
  visit(tree, (p) => {
    for (const child of p.children) body.push(branch(p, child, tops));
  });
  visit(tree, (p) => {
    body.push(...box(p, tops[p.depth]!, owners));
  });
  body.push(group(legend(y - 14)));
  const text = [title, ...processLines(data.root, owners, "  ")].join("\n");
  const desc = data.alt ?? text.replace(/\n\s*/g, "; ");
  return new Picture({ width, height: y + 12, title, desc }, body, text);
}

function visit(placed: Placed, each: (p: Placed) => void): void {
  each(placed);
  for (const child of placed.children) visit(child, each);
}

/** How many processes of the tree map each frame. */
function countOwners(root: ProcessNode): Map<number, number> {
  const owners = new Map<number, number>();
  const count = (node: ProcessNode): void => {
    if ((node.pfns?.length ?? 0) > MAX_CHIPS) {
      throw new RangeError(
        `process ${node.pid} has ${node.pfns!.length} frames; drawProcesses() draws at most ${MAX_CHIPS}`,
      );
    }
    for (const pfn of new Set(node.pfns ?? [])) owners.set(pfn, (owners.get(pfn) ?? 0) + 1);
    for (const child of node.children ?? []) count(child);
  };
  count(root);
  return owners;
}

function boxWidth(node: ProcessNode): number {
  const chips = Math.min(PER_ROW, Math.max(2, node.pfns?.length ?? 0)) * (CHIP.width + 3) + 13;
  const texts = [textWidth(headOf(node), 13) * BOLD, textWidth(node.note ?? "", 11)];
  return Math.max(chips, ...texts.map((w) => Math.min(w, 260) + 20));
}

function boxHeight(node: ProcessNode): number {
  return 30 + (node.note ? 15 : 0) + Math.ceil((node.pfns?.length ?? 0) / PER_ROW) * (CHIP.height + 3) + 4;
}

function spanOf(node: ProcessNode): number {
  const children = node.children ?? [];
  const below = children.reduce((sum, child) => sum + spanOf(child) + GAP, -GAP);
  return Math.max(boxWidth(node), below);
}

/** Children side by side below their parent, the parent centred above them. */
function place(node: ProcessNode, depth: number, left: number): Placed {
  const span = spanOf(node);
  const children = node.children ?? [];
  const below = children.reduce((sum, child) => sum + spanOf(child) + GAP, -GAP);
  let x = left + Math.max(0, (span - below) / 2);
  const placed = children.map((child) => {
    const at = place(child, depth + 1, x);
    x += spanOf(child) + GAP;
    return at;
  });
  const width = boxWidth(node);
  return { node, depth, x: left + (span - width) / 2, width, children: placed };
}

function branch(parent: Placed, child: Placed, tops: readonly number[]): string {
  const from = [parent.x + parent.width / 2, tops[parent.depth]! + boxHeight(parent.node)] as const;
  const to = [child.x + child.width / 2, tops[child.depth]!] as const;
  return line(from[0], from[1], to[0], to[1], { stroke: INK.faint, "stroke-width": 1.5 });
}

function headOf(node: ProcessNode): string {
  return `${node.pid} ${node.name}`;
}

function box(placed: Placed, top: number, owners: ReadonlyMap<number, number>): string[] {
  const { node, x, width } = placed;
  const stroke = node.highlight ? { stroke: OKABE_ITO.vermilion, "stroke-width": 3 } : { stroke: "#9AA3AD" };
  const out = [
    rect(x, top, width, boxHeight(node), { fill: INK.fill, rx: 4, ...stroke }),
    label(x + 9, top + 19, fitText(headOf(node), width - 14, 13), { bold: true }),
  ];
  if (node.note)
    out.push(label(x + 9, top + 34, fitText(node.note, width - 14, 11), { size: 11, fill: INK.faint }));
  const first = top + 28 + (node.note ? 15 : 0);
  (node.pfns ?? []).forEach((pfn, i) => {
    const left = x + 8 + (i % PER_ROW) * (CHIP.width + 3);
    const y = first + Math.floor(i / PER_ROW) * (CHIP.height + 3);
    const shared = owners.get(pfn)! > 1;
    const size = hex(pfn).length > 6 ? 9 : 11;
    const text = fitText(hex(pfn), CHIP.width - 2, size, true);
    out.push(
      rect(left, y, CHIP.width, CHIP.height, {
        fill: shared ? "#BFE3F7" : OKABE_ITO.blue,
        rx: 2,
        stroke: INK.edge,
      }),
      label(left + CHIP.width / 2, y + 14, text, {
        size,
        mono: true,
        anchor: "middle",
        fill: shared ? INK.text : INK.card,
      }),
    );
  });
  return out;
}

function legend(y: number): string[] {
  return [
    rect(16, y, 14, 12, { fill: "#BFE3F7", stroke: INK.edge }),
    label(36, y + 11, "frame shared by several", { size: 12 }),
    rect(206, y, 14, 12, { fill: OKABE_ITO.blue, stroke: INK.edge }),
    label(226, y + 11, "frame of this process alone", { size: 12 }),
  ];
}

function processLines(node: ProcessNode, owners: ReadonlyMap<number, number>, indent: string): string[] {
  const pfns = (node.pfns ?? []).map(
    (pfn) => hex(pfn) + (owners.get(pfn)! > 1 ? ` (shared by ${owners.get(pfn)})` : ""),
  );
  const note = node.note ? ` [${node.note}]` : "";
  const own = `${indent}${headOf(node)}${note}${pfns.length > 0 ? `: ${pfns.join(", ")}` : ""}`;
  return [own, ...(node.children ?? []).flatMap((child) => processLines(child, owners, `${indent}  `))];
}
