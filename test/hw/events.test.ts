import { describe, expect, it } from "vitest";
import { EventQueue } from "../../lib/hw/events.js";

/** A queue whose events write their names down. */
function queue(): { events: EventQueue; done: string[] } {
  const events = new EventQueue();
  const done: string[] = [];
  for (const kind of ["a", "b"])
    events.on(kind, (object, { atNs }) => done.push(`${kind}${(object as { name: string }).name}@${atNs}`));
  return { events, done };
}

describe("the queue of events", () => {
  it("gives them in order of time, and of posting at the same time", () => {
    const { events, done } = queue();
    events.post(30, "a", { name: "1" });
    events.post(10, "a", { name: "2" });
    events.post(30, "b", { name: "3" });
    events.post(20, "b", { name: "4" });
    expect(events.nextNs).toBe(10);
    expect(events.toArray().map(({ atNs, nr }) => [atNs, nr])).toEqual([
      [10, 1],
      [20, 3],
      [30, 0],
      [30, 2],
    ]);
    const clock = { nowNs: 15 };
    while (events.happen(clock) !== undefined);
    expect(clock.nowNs).toBe(30);
    expect(done).toEqual(["a2@10", "b4@20", "a1@30", "b3@30"]);
    expect(events.nextNs).toBe(Number.POSITIVE_INFINITY);
  });

  it("lets happen only what is due, and only of one kind if asked; the clock is not before it then", () => {
    const { events, done } = queue();
    const clock = { nowNs: 5 };
    events.post(10, "a", { name: "1" });
    events.post(20, "b", { name: "2" });
    expect([events.happen(clock, 9), clock.nowNs]).toEqual([undefined, 5]);
    expect([events.happen(clock, 20, "b")?.atNs, clock.nowNs]).toEqual([20, 20]);
    expect(events.happen(clock, 20, "b")).toBeUndefined();
    expect([events.length, events.nextNs]).toEqual([1, 10]);
    expect([events.happen(clock)?.atNs, clock.nowNs]).toEqual([10, 20]); // late, but time never goes back
    expect(done).toEqual(["b2@20", "a1@10"]);
  });

  it("forgets a record that is cancelled, once", () => {
    const { events } = queue();
    const first = events.post(10, "a", { name: "1" });
    events.post(20, "a", { name: "2" });
    expect([events.cancel(first), events.cancel(first)]).toEqual([true, false]);
    expect(events.nextNs).toBe(20);
  });

  it("refuses a time that is none and a kind that nobody knows", () => {
    const { events } = queue();
    expect(() => events.post(-1, "a", {})).toThrow("an event is at a time from 0 ns on, not at -1");
    expect(() => events.post(Number.NaN, "a", {})).toThrow("not at NaN");
    expect(() => events.post(1, "c", {})).toThrow('nobody knows what to do about event "c"');
  });
});
