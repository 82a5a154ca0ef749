/**
 * What a lab's markdown says, taken out of its syntax tree: headings, links, images, the text under a
 * heading.
 *
 * Not in Linux: part of the course, not of the machine. Syntax: CommonMark.
 */
import type { Nodes, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";

export interface Heading {
  depth: number;
  text: string;
}

interface Image {
  url: string;
  alt: string;
}

/** The parts of one markdown text that are checked. */
export interface MarkdownParts {
  headings: Heading[];
  links: string[];
  images: Image[];
  /** Items of lists, as text. */
  listItems: string[];
  /** `**Strong**` texts. */
  strong: string[];
}

/** Reads a markdown text. */
export function readMarkdown(source: string): MarkdownParts {
  const parts: MarkdownParts = { headings: [], links: [], images: [], listItems: [], strong: [] };
  for (const node of walk(fromMarkdown(source))) collect(node, parts);
  return parts;
}

function collect(node: Nodes, parts: MarkdownParts): void {
  if (node.type === "heading") parts.headings.push({ depth: node.depth, text: plainText(node) });
  else if (node.type === "link" || node.type === "definition") parts.links.push(node.url);
  else if (node.type === "image") parts.images.push({ url: node.url, alt: node.alt ?? "" });
  else if (node.type === "listItem") parts.listItems.push(plainText(node));
  else if (node.type === "strong") parts.strong.push(plainText(node));
  else if (node.type === "html") collectHtml(node.value, parts);
}

/** HTML inside markdown: only what links and images say. */
function collectHtml(html: string, parts: MarkdownParts): void {
  for (const [tag] of html.matchAll(/<(?:img|a)\b[^>]*>/gi)) {
    const attribute = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`, "i").exec(tag)?.[1] ?? "";
    if (/^<img/i.test(tag)) parts.images.push({ url: attribute("src"), alt: attribute("alt") });
    else if (attribute("href") !== "") parts.links.push(attribute("href"));
  }
}

function* walk(node: Nodes | Root): Generator<Nodes> {
  yield node;
  if ("children" in node) for (const child of node.children) yield* walk(child);
}

/** The text of a node without its markup. */
function plainText(node: Nodes): string {
  if ("value" in node) return node.type === "html" ? "" : node.value;
  return "children" in node ? node.children.map(plainText).join("") : "";
}

/** The fragment by which Jupyter links to a heading: spaces become hyphens. */
export function jupyterAnchor(heading: string): string {
  return heading.trim().replaceAll(/\s+/g, "-");
}

/** The fragment by which GitHub links to a heading: lower case, no punctuation. */
export function githubAnchor(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
}
