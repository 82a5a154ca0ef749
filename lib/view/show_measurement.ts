/**
 * How a measurement looks in a notebook: a small table of everything that changed.
 *
 *    machine.measure(() => alice.store(a, 8, 1))
 *
 *    It took 0.6 us
 *    where    | counter        | change
 *    ---------+----------------+-------
 *    CPU 0    | accesses       |     +2
 *    alice[2] | minFlt         |     +1
 *    vmstat   | nr_free_pages  |     -4
 *
 * The kernel knows nothing of tables, as the arrows of imports demand; importing this file gives measurements
 * their face.
 *
 * Read first: kernel/measure.ts, table.ts.
 */
import { valueText } from "../hw/options.js";
import { Measurement } from "../kernel/measure.js";
import { formatNs, formatNumber } from "./scale.js";
import { JUPYTER_DISPLAY, type MimeBundle } from "./show.js";
import { type Table, table } from "./table.js";

/** The table of a measurement: one line for each counter that changed, the clock as its caption. */
export function measurementTable(measured: Measurement): Table {
  if (!(measured instanceof Measurement))
    throw new TypeError(`measurementTable takes what machine.measure answers, not ${valueText(measured)}`);
  const rows = measured.rows.filter(({ where }) => where !== "clock");
  return table(rows, {
    caption: `It took ${formatNs(measured.ns)}`,
    columns: [
      { key: "where" },
      { key: "counter", mono: true },
      {
        key: "change",
        align: "right",
        format: (value) => `${Number(value) > 0 ? "+" : ""}${formatNumber(Number(value))}`,
      },
    ],
  });
}

Object.defineProperty(Measurement.prototype, JUPYTER_DISPLAY, {
  value(this: Measurement): MimeBundle {
    return measurementTable(this)[JUPYTER_DISPLAY]();
  },
});

Object.defineProperty(Measurement.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Measurement): string {
    return measurementTable(this).toString();
  },
});
