import { boot } from "pagewalk";

for (const [ram, cpus, disk] of [
  ["64 MiB", 2, "ssd"],
  ["64 MiB", 1, "ssd"],
]) {
  const m = boot({ ram, cpus, disk });
  const p = m.spawn("a");
  const sys = m.kernel.sys;
  const pages = 32768;
  const f = p.open("/mnt/f", { create: true, writable: true });
  p.ftruncate(f, pages * 4096);
  const buf = p.mmap("1 MiB");
  p.touch(buf, "1 MiB");
  let t = performance.now();
  for (let i = 0; i < pages / 256; i++) p.pwrite(f, buf, 1 << 20, i << 20);
  console.log("written", performance.now() - t, m.clock.nowNs / 1e9);
  p.fsync(f);
  const a = p.mmap(pages * 4096, { fd: f, prot: "r", shared: true });
  p.madvise(a, pages * 4096, "RANDOM");
  t = performance.now();
  const zs = () =>
    sys.zones
      .map((z) =>
        [z.name, z.nrFreePages, z.watermark.min, z.watermark.low, z.watermark.high, z.managedPages].join(" "),
      )
      .join(" | ");
  let n = 0;
  for (let k = 0; k < 2; k++) {
    for (let i = 0; i < pages; i++) {
      p.load(a + i * 4096);
      n++;
    }
    console.log("pass", k, zs(), (performance.now() - t).toFixed(), m.clock.nowNs / 1e9);
  }
  // random touches
  let x = 1;
  t = performance.now();
  for (let i = 0; i < 200000; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    p.load(a + (x % pages) * 4096);
    n++;
  }
  console.log("random 200k", (performance.now() - t).toFixed(), m.clock.nowNs / 1e9, m.kernel.procfs ? 1 : 0);
  const e = sys.vmStat;
  const { VM_EVENT_NAMES, NODE_STAT_NAMES } = await import("./lib/dist/mm/vmstat.js");
  console.log(
    VM_EVENT_NAMES.map((k, i) => [k, e.events[i]])
      .filter(([k, v]) => /pgscan|pgsteal|allocst|kswapd|pageout|refill|pgact|pgdeact|majf/.test(k) && v)
      .join(" "),
  );
  console.log(
    NODE_STAT_NAMES.map((k, i) => [k, e.nodeStat[i]])
      .filter(([k, v]) => /work|nr_.*active/.test(k) && v)
      .join(" "),
  );
}
