import { beforeEach, describe, expect, it } from "vitest";
import { EventQueue } from "../../lib/hw/events.js";
import { VmBug } from "../../lib/mm/mmdebug.js";
import { DevicesOnly } from "../../lib/mm/wait.js";

const done: string[] = [];
let events: EventQueue;
let clock: { nowNs: number };
let sched: DevicesOnly;

beforeEach(() => {
  done.length = 0;
  events = new EventQueue();
  clock = { nowNs: 100 };
  sched = new DevicesOnly({ clock, events });
  events.on("disk", (object) => done.push((object as { name: string }).name));
  for (const [atNs, name] of [
    [50, "late"],
    [200, "first"],
    [300, "second"],
  ] as const)
    events.post(atNs, "disk", { name });
});

describe("a machine on which only devices work", () => {
  it("lets happen what comes before the condition holds, and no more", () => {
    sched.waitUntil("io", () => done.includes("first"));
    expect([done, clock.nowNs, events.length]).toEqual([["late", "first"], 200, 1]);
    sched.waitUntil("io", () => true);
    expect([clock.nowNs, events.length]).toEqual([200, 1]);
  });

  it("never turns the clock back for what was due before", () => {
    sched.waitUntil("io", () => done.length === 1);
    expect(clock.nowNs).toBe(100);
  });

  it("throws where nobody will ever do what is waited for", () => {
    expect(() => sched.waitUntil("io", () => false)).toThrow(VmBug);
  });

  it("waiting for a time that is past does what is due, and time does not pass", () => {
    sched.waitFor("io", 50);
    expect([done, clock.nowNs]).toEqual([["late"], 100]);
  });

  it("lets time pass until it is told, with all that happens meanwhile", () => {
    sched.waitFor("sleep", 250);
    expect([done, clock.nowNs]).toEqual([["late", "first"], 250]);
  });

  it("waits for a condition with an end to it, and says whether it holds then", () => {
    expect(sched.waitTimeout("io", () => done.includes("first"), 1000)).toBe(true);
    expect(clock.nowNs).toBe(200);
    expect(sched.waitTimeout("io", () => done.length > 2, 250)).toBe(false);
    expect([clock.nowNs, events.length]).toEqual([250, 1]);
    sched.condResched();
    expect(clock.nowNs).toBe(250);
  });
});
