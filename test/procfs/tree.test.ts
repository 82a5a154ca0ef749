import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { errnoName } from "../../lib/mm/errno.js";
import type { ProcFileInfo } from "../../lib/procfs/procfs.js";
import "../../lib/procfs/mount.js";

function machineWithProcess() {
  const machine = boot({ ram: "8 MiB" });
  const process = machine.spawn("demo");
  process.mmap("64 KiB", { populate: true });
  return { machine, process, procfs: machine.procfs };
}

const named = (result: number): string => (result === 0 ? "ok" : errnoName(result));
const isSetting = (path: string): boolean => path.startsWith("/proc/sys/") || path.startsWith("/sys/");

/** Another value than the one shown, of the same sort: the other words of a choice, or numbers near by. */
function others(shown: string): string[] {
  const text = shown.trim();
  if (text === "true") return ["false"];
  if (/\[/.test(text)) return text.split(" ").filter((word) => !word.startsWith("["));
  return text.split("\t").length > 1
    ? ["7\t7\t7\t7\t7"]
    : [1, -1, 8, 8192].map((step) => String(Number(text) + step));
}

/** As it reads when `value` was written: the word in brackets, or the number. */
function readsAs(before: string, value: string): string {
  if (!/\[/.test(before)) return `${value}\n`;
  return before.replace(/[[\]]/g, "").replace(/[^ \n]+/g, (word) => (word === value ? `[${word}]` : word));
}

/** Files of which a write is an act, not a value to be read again; what each does has a test of its own. */
const ACTS =
  /\/(clear_refs|drop_caches|compact_memory|stat_refresh|comm|numa_zonelist_order)$|\/lru_gen(\/|$)|\/nr_hugepages(_mempolicy)?$|\/hugepages-1048576kB\/|\/(zram0|zswap)\//;

describe("every file below /proc and /sys", () => {
  const { procfs, process } = machineWithProcess();
  /** Files of groups are no settings of the machine: test/kernel/cgroup.test.ts has them. */
  const files = procfs.files().filter(({ path }) => !path.startsWith("/sys/fs/cgroup/"));
  const rows = (wanted: (file: ProcFileInfo) => boolean): [string, ProcFileInfo][] =>
    files.filter(wanted).map((file) => [file.path, file]);

  it("is listed once, with a mode, and with what it does where it is a setting", () => {
    expect(files.length).toBeGreaterThan(140);
    expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
    expect(files.filter(({ path, effect }) => isSetting(path) !== (effect !== undefined))).toEqual([]);
    for (const name of [
      "maps",
      "smaps",
      "status",
      "stat",
      "statm",
      "pagemap",
      "oom_score",
      "oom_score_adj",
      "oom_adj",
      "clear_refs",
    ])
      expect(files.map(({ path }) => path)).toContain(`/proc/${process.pid}/${name}`);
  });

  it.each(rows(({ mode }) => (mode & 0o400) === 0))("%s cannot be read", (path) => {
    expect(["EACCES", "EINVAL"]).toContain(named(procfs.tryRead(path) as number));
    expect(() => procfs.read(path)).toThrow();
  });

  it.each(rows(({ mode }) => (mode & 0o400) !== 0))("%s can be read", (path) => {
    const binary = /(pagemap|kpagecount|kpageflags)$/.test(path);
    const noMemory = /^\/proc\/1\/(pagemap|smaps_rollup)$/.test(path);
    const answer = procfs.tryRead(path);
    if (noMemory) expect(answer).toBe(-3);
    else if (binary) expect(answer).toBe(-22);
    else expect(answer).toEqual(expect.any(String));
  });

  it.each(rows(({ mode }) => (mode & 0o200) === 0))("%s cannot be written", (path) => {
    const answer = named(procfs.tryWrite(path, "1"));
    const family = isSetting(path) ? "EACCES" : /^\/proc\/\d/.test(path) ? "EINVAL" : "EIO";
    expect(answer).toBe(/^\/proc\/1\/(pagemap|smaps_rollup)$/.test(path) ? "ESRCH" : family);
    expect(() => procfs.write(path, "1")).toThrow(
      expect.objectContaining({ code: answer, syscall: "write" }),
    );
  });

  it.each(rows(({ path, mode }) => (mode & 0o600) === 0o600 && !ACTS.test(path)))(
    "%s keeps what is written, and refuses what is none of its values",
    (path) => {
      const { procfs } = machineWithProcess();
      const before = procfs.read(path);
      const lenient =
        /\/(vma_ra_enabled|lowmem_reserve_ratio|use_zero_pages|smart_scan|shrink_underused)$/.test(path);
      for (const wrong of lenient ? [] : ["nonsense", "99999999999999999999", "5,6"])
        expect([wrong, procfs.tryWrite(path, wrong)]).toEqual([wrong, expect.toBeOneOf([-22, -34])]);
      expect(procfs.read(path)).toBe(before);
      const inPages = /\/(read_ahead_kb|fault_around_bytes)$/.test(path);
      const whole = inPages ? [String(2 * Number(before))] : others(before);
      const values = path.endsWith("oom_adj") ? ["15"] : whole;
      const value = values.find((other) => procfs.tryWrite(path, other) === 0);
      expect([path, value]).toEqual([path, expect.any(String)]);
      expect(procfs.read(path)).toBe(readsAs(before, value!));
      expect(procfs.read(path)).not.toBe(before);
    },
  );

  it.each(rows(({ path, mode }) => (mode & 0o200) !== 0 && ACTS.test(path)))("%s acts or refuses", (path) => {
    const { procfs } = machineWithProcess();
    const answer = named(procfs.tryWrite(path, "1"));
    const expected: Record<string, string> = {
      comm: "EINVAL", // of another process
      numa_zonelist_order: "EINVAL",
      lru_gen: "EINVAL",
      ...{ compact: "EINVAL", mem_used_max: "EINVAL", comp_algorithm: "EINVAL" }, // of zram0
    };
    const ofNode = path.endsWith("/node0/compact");
    const fixed = /kB\/demote_size$|-1048576kB\/nr_overcommit_hugepages$/.test(path);
    const answer0 = fixed ? "EINVAL" : (expected[path.split("/").pop()!] ?? "ok");
    expect(answer).toBe(ofNode ? "ok" : answer0);
  });

  it("is no folder, no file elsewhere, and takes a text only", () => {
    expect(named(procfs.tryWrite("/proc/sys/vm", "1"))).toBe("EISDIR");
    expect(named(procfs.tryWrite("/etc/passwd", "1"))).toBe("ENOENT");
    expect(() => procfs.write("/proc/sys/vm/swappiness", 5 as unknown as string)).toThrow(TypeError);
  });
});
