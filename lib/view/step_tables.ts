/**
 * Step through the growth of page tables: the tree before anything, and after each act.
 *
 *    step 1    before                     [root]
 *    step 2    map 0x400000               [root]->[table]->[table]->[table]->page
 *    step 3    map its neighbour 0x401000                           [     ]->page
 *
 * No event tells of a new table, so the steps are what the caller does, each under the name that the caller gives it.
 *
 * Not in Linux. Read first: draw_tables.ts, stepper.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
import { isLeaf, PAGE_PRESENT, PHYSICAL_MASK } from "../hw/entry.js";
import { entrySpan, PageTable, type TableLevels } from "../hw/page_table.js";
import type { Ram } from "../hw/ram.js";
import { checkArguments, checkKind } from "../hw/signature.js";
import { MmStruct } from "../mm/mm_types.js";
import { drawTables, type TableNode, type TableNodeEntry } from "./draw_tables.js";
import { type Stepper, stepper } from "./stepper.js";

/** Where a tree of tables lies. */
interface Tree {
  readonly ram: Ram;
  readonly levels: TableLevels;
}

/** The tables of `tables` with their entries in use, read from RAM, for drawTables(). Not in Linux. */
export function tablesOf(tables: PageTable | MmStruct): TableNode {
  if (tables instanceof MmStruct) return nodeOf({ ram: tables.sys.ram, levels: 4 }, tables.pgd, 4, 0);
  checkKind("tablesOf(): tables", tables, PageTable);
  return nodeOf(tables, tables.rootPfn, tables.levels, 0);
}

/** The table in frame `pfn`, whose first entry maps what begins at `base`. */
function nodeOf(tree: Tree, pfn: number, level: number, base: number): TableNode {
  const { levels } = tree;
  const nrEntries = levels === 2 ? 1024 : 512;
  const sizeBytes = entrySpan(levels, level);
  const entries: TableNodeEntry[] = [];
  for (let index = 0; index < nrEntries; index++) {
    const entry = readEntry(tree, pfn, index);
    if ((entry & BigInt(PAGE_PRESENT)) === 0n) continue;
    const upper = level === levels && levels > 2 && index >= nrEntries / 2;
    const va = base + index * sizeBytes - (upper ? nrEntries * sizeBytes : 0);
    const to = Number((entry & PHYSICAL_MASK) / BigInt(PAGE_SIZE));
    if (level < 4 && isLeaf(entry, level)) entries.push({ index, page: { va, pfn: to, sizeBytes } });
    else entries.push({ index, table: nodeOf(tree, to, level - 1, va) });
  }
  return { pfn, level, entries };
}

function readEntry({ ram, levels }: Tree, pfn: number, index: number): bigint {
  return levels === 2 ? BigInt(ram.word(pfn, index) >>> 0) : ram.readEntry(pfn * PAGE_SIZE + index * 8);
}

/**
 * The tree of page tables to step through, while what `acts` names is done, in this order:
 * `stepTables(table, { "map 0x400000": () => table.mapNew(0x400000) })`.
 */
export function stepTables(
  tables: PageTable | MmStruct,
  acts: Readonly<Record<string, () => unknown>>,
  options: { readonly title?: string } = {},
): Stepper {
  checkArguments("stepTables()", { tables: "object", acts: "object", options: { title: "text" } }, [
    tables,
    acts,
    options,
  ]);
  for (const [name, act] of Object.entries(acts)) checkKind(`stepTables(): ${name}`, act, "function");
  const states = [tablesOf(tables)];
  for (const act of Object.values(acts)) {
    act();
    states.push(tablesOf(tables));
  }
  const title = options.title ?? "The page tables";
  return stepper(states, (root) => drawTables({ title, root }), { labels: ["before", ...Object.keys(acts)] });
}
