/**
 * Step through Rss and Pss of a family of processes: one step for each act of theirs.
 *
 *    step 1    before              P   16 kB, all its own
 *    step 2    P forks C1          P    8 kB of its own, and C1 the other 8 kB
 *    step 3    C1 writes page 1    P   10 kB: nobody shares that page any more
 *
 * The family are those who may share anonymous pages with the process: its ancestors and descendants (family.ts).
 *
 * Not in Linux: /proc/PID/smaps_rollup has the two figures for one moment. Read first: draw_shares.ts, stepper.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments, checkKind } from "../hw/signature.js";
import { Process } from "../kernel/process.js";
import type { Owner } from "./draw_owners.js";
import { drawShares } from "./draw_shares.js";
import { sharersOf } from "./family.js";
import { ownersOf } from "./mm_data.js";
import type { StepOwnersOptions } from "./step_owners.js";
import { type Stepper, stepper } from "./stepper.js";

/** Most pages of one process that are drawn. */
const MAX_COLUMNS = 8;

/**
 * Rss and Pss of the family of `process` to step through, while what `acts` names is done, in this order:
 * `stepShares(alice, { "alice forks bob": () => alice.fork("bob") })`. At most 8 pages of each are shown.
 */
export function stepShares(
  process: Process,
  acts: Readonly<Record<string, () => unknown>>,
  options: StepOwnersOptions = {},
): Stepper {
  const range = { start: "integer", end: "integer" } as const;
  checkArguments("stepShares()", { process: Process, acts: "object", options: { title: "text", range } }, [
    process,
    acts,
    options,
  ]);
  for (const [name, act] of Object.entries(acts)) checkKind(`stepShares(): ${name}`, act, "function");
  const look = (): Owner[] => ownersOf(process.alive ? sharersOf(process) : {}, options.range ?? {});
  const moments = [look()];
  for (const act of Object.values(acts)) {
    act();
    moments.push(look());
  }
  const names = [...new Set(moments.flat().map(({ name }) => name))];
  const columns = [...new Set(moments.flat().flatMap(({ pages }) => pages.map(({ va }) => va)))].sort(
    (a, b) => a - b,
  );
  if (columns.length > MAX_COLUMNS)
    throw new RangeError(
      `stepShares() shows at most ${MAX_COLUMNS} pages of ${PAGE_SIZE} bytes; got ${columns.length}: give a range`,
    );
  const title = options.title ?? `Rss and Pss: the family of ${process.name}`;
  const rows = moments.map((owners) =>
    names.map((name) => owners.find((owner) => owner.name === name) ?? { name, pages: [] }),
  );
  const draw = (owners: readonly Owner[]) => drawShares({ title, owners, columns });
  return stepper(rows, draw, { title, labels: ["before", ...Object.keys(acts)] });
}
