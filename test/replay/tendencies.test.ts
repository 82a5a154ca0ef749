import { describe, expect, it } from "vitest";
import { parseScenario } from "../../lib/replay/parse.js";
import type { Json, Recording } from "../../lib/replay/record.js";
import { formatWrongOrder, Tendencies } from "../../lib/replay/tendencies.js";

/** A script that sets something, and looks at the counters twice. */
function scenario(name: string, setting: string, more = "") {
  const text = `scenario ${name}\nspawn P\nwrite /proc/sys/vm/swappiness ${setting}\n${more}vmstat\nvmstat\n`;
  return parseScenario(text, name);
}

/** The counters that a run had at each of the two looks. */
function recording(name: string, looks: readonly Json[], boot: object = { mem_MB: 192 }): Recording {
  const lines = ["spawn P", "write /proc/sys/vm/swappiness", "vmstat", "vmstat"];
  const steps = lines.map((line, i) => ({ i, line, ...(i < 2 ? {} : { vmstat: looks[i - 2]! }) }));
  return { scenario: name, script_fnv: "", env: {}, boot, steps } as unknown as Recording;
}

/** Two scenarios with different settings: what Linux had with each, and what we had. */
function compared(
  linux: readonly [readonly Json[], readonly Json[]],
  ours: readonly [readonly Json[], readonly Json[]],
) {
  const tendencies = new Tendencies();
  for (const [i, name] of ["ra1-low", "ra2-high"].entries())
    tendencies.add(scenario(name, String(i)), recording(name, linux[i]!), recording(name, ours[i]!));
  const wrong: string[] = [];
  return { count: tendencies.count(undefined, (order) => wrong.push(formatWrongOrder(order))), wrong };
}

const range = (...values: number[]): Json => ({ "~": values });

describe("a range of several runs", () => {
  it("is met by any value between, and a counter that is not there is 0", () => {
    const seen = { pgfault: range(30, 10, 20), pgscan: range(0, 5), pgsteal: range(4, 5) };
    const { count } = compared(
      [
        [seen, {}],
        [{}, {}],
      ],
      [
        [{ pgfault: 30, pgsteal: 6 }, {}],
        [{}, {}],
      ],
    );
    expect([count.rangesMet, count.ranges]).toEqual([2, 3]);
  });

  it("is not looked for in what all runs had alike, nor in what must be equal", () => {
    const { count } = compared(
      [
        [{ pgfault: 7 }, {}],
        [{}, {}],
      ],
      [
        [{ pgfault: 7 }, {}],
        [{}, {}],
      ],
    );
    expect(count.ranges).toBe(0);
  });
});

describe("an order between settings", () => {
  it("is right when the same setting has more here", () => {
    const linux = [
      [{ refaults: range(100, 120) }, {}],
      [{ refaults: range(50, 60) }, {}],
    ] as const;
    const right = compared(linux, [
      [{ refaults: 9 }, {}],
      [{ refaults: 8 }, {}],
    ]);
    expect(right.count).toMatchObject({ ordersRight: 2, orders: 2, sumsRight: 1, sums: 1 });
    const wrong = compared(linux, [
      [{ refaults: 8 }, {}],
      [{ refaults: 8 }, {}],
    ]);
    expect(wrong.count).toMatchObject({ ordersRight: 0, orders: 2 });
    expect(wrong.wrong[0]).toBe(
      "ra1-low against ra2-high, step 1 (vmstat): vmstat.refaults\n" +
        "    Linux has 100 to 120 and 50 to 60, the machine 8 and 8",
    );
  });

  it("is not expected where the runs of Linux overlap, or differ by less than a fifth", () => {
    for (const [a, b] of [
      [range(10, 60), range(50, 90)],
      [range(100, 101), range(118, 120)],
      [7, 7],
    ] as const) {
      const { count } = compared(
        [
          [{ x: a }, {}],
          [{ x: b }, {}],
        ],
        [
          [{ x: 1 }, {}],
          [{ x: 2 }, {}],
        ],
      );
      expect(count.orders).toBe(0);
    }
  });

  it("is one of sums, run by run, where single steps show none", () => {
    const low = [{ x: range(10, 90) }, { x: range(95, 15) }];
    const high = [{ x: range(20, 120) }, { x: range(180, 80) }];
    const { count } = compared(
      [low, high],
      [
        [{ x: 1 }, { x: 2 }],
        [{ x: 2 }, { x: 2 }],
      ],
    );
    expect(count).toMatchObject({ orders: 1, ordersRight: 1, sums: 1, sumsRight: 1 });
  });

  it("is looked for only between scripts and machines that differ in nothing else", () => {
    const figures: Json[] = [{ x: 100 }, {}];
    const of = (more: string, boot: object) => {
      const tendencies = new Tendencies();
      const a = recording("ra1", figures);
      tendencies.add(scenario("ra1", "0"), a, a);
      const b = recording("ra2", [{ x: 1 }, {}], boot);
      tendencies.add(scenario("ra2", "1", more), b, b);
      return tendencies.count().orders;
    };
    expect(of("", { mem_MB: 192 })).toBeGreaterThan(0);
    expect(of("", { mem_MB: 192, thp: "always" })).toBeGreaterThan(0);
    expect(of("", { mem_MB: 256 })).toBe(0);
    expect(of("sleep 10\n", { mem_MB: 192 })).toBe(0);
  });
});
