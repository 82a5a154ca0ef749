/**
 * Good arguments for everything that lib/index.ts and lib/kernel.ts export: what test/index.test.ts spoils, one argument at a time.
 *
 * `FUNCTIONS` names each function with a maker of good arguments; `CLASSES` each class with a maker of an instance, and good
 * arguments of its methods. `LOOSE` lists what is not fed bad values, with the reason.
 */
import * as pagewalk from "../../lib/index.js";

const { boot } = pagewalk;

/** Makes arguments afresh, so that one call cannot spoil the next. */
export type Args = () => unknown[];

const ram = () => new pagewalk.Ram(2 ** 20);
const machine = () => boot({ ram: "1 MiB", cpus: 2 });
const process = () => {
  const one = machine().spawn("one");
  one.touch(one.mmap("16 KiB"), "16 KiB");
  return one;
};
function* touching(p: pagewalk.Process): Generator<void> {
  yield void p.touch(p.mmap("16 KiB"), "16 KiB");
}
const withFile = () => {
  const one = machine();
  one.kernel.files.writeFile("/data/f", new Uint8Array(4096));
  return one;
};
const withSwap = () => boot({ ram: "1 MiB", swap: "64 KiB" });
/** A page, in swap or not, and who has it. */
const swapArguments = (out: boolean): unknown[] => {
  const m = boot({ ram: "1 MiB", swap: "64 KiB" });
  const p = m.spawn("one");
  const va = p.mmap(4096);
  p.store(va, 1, 1);
  if (out) pagewalk.pageOut(m, p, va, 4096);
  return [m, p, va, { title: "t" }];
};
const KIND = {
  ...{ kind: "calm", nsEach: 2, walks: 1, minorFaults: 0, majorFaults: 0, systemCalls: 0 },
  ...{ pswpin: 0, pswpout: 0 },
};
const SMALL = { ram: "4 MiB", programs: 1, memoryEach: "64 KiB", rounds: 1, swap: "zram" } as const;
const thrashing = () => pagewalk.measureThrashing(SMALL);
const walked = () => {
  const m = boot({ ram: "1 MiB" });
  const table = m.newPageTable("t");
  table.mapNew(0x40_0000, 4, { writable: true, user: true, executable: true });
  m.switchMm(table);
  return m;
};
const numbers = new Uint32Array([0, 4096, 1, 8192]);

const FIGURE = {
  ...{ title: "t", alt: "a line.", x: { label: "size", unit: "KiB" }, y: { label: "time", unit: "ms" } },
  series: [{ kind: "line", name: "one", x: [1, 2], y: [1, 2] }],
};
const PLOT = { title: "t", x: "size (KiB)", y: "time (ms)", alt: "a line." };
const PACKED = pagewalk.readLackey([" L 1000,8"], "here").pack();

/** A run under the eyes of the sampler. */
const watched = () => {
  const one = machine();
  const p = one.spawn("one");
  return pagewalk.samplePressure(one, () => p.touch(p.mmap("64 KiB"), "64 KiB"));
};

/** The same on a machine that keeps generations. */
const watchedGenerations = () => {
  const one = machine();
  one.procfs.write("/sys/kernel/mm/lru_gen/enabled", "y");
  const p = one.spawn("one");
  return pagewalk.samplePressure(one, () => p.touch(p.mmap("64 KiB"), "64 KiB"));
};

/** Every exported function that is no class. */
export const FUNCTIONS: Record<string, Args> = {
  accessText: () => [2],
  addressFields: () => [0x7f00_1234_5678, 4, 1],
  areasOf: () => [process().mm, 64],
  bars: () => [["a", "b"], { one: [1, 2] }, { title: "t", x: "kind", y: "time (ms)", alt: "two bars." }],
  boot: () => [{ ram: "1 MiB", cpus: 1, levels: 4, tlb: "tiny", pcid: true, parts: {} }],
  check: () => ["01.1", {}],
  compare: () => ["c01", pagewalk.newHost()],
  compareFragmentation: () => [{ nrSteps: 20 }],
  curveOfDistances: () => [pagewalk.stackDistances([1, 2, 1])],
  deliverException: () => [walked().cpu, { idtBase: 0x8000, idtBytes: 256, stackTop: 0x9000 }, 14],
  drawPolicy: () => ["FIFO", [1, 2, 1], 2],
  findBeladyAnomaly: () => [{ pages: 5, length: 12, frames: 3, policy: "FIFO", seed: 1, tries: 100 }],
  pageTrace: () => [[0x1000, 0x2008], { distinct: true }],
  policySteps: () => ["LRU", [1, 2, 1], 2],
  syntheticTrace: () => ["loop", { pages: 8, length: 16, seed: 1 }],
  drawAccesses: () => [[0x1000, 0x2008], { title: "t" }],
  drawAddress: () => [0x7f00_1234_5678, { title: "t" }],
  drawAreas: () => [{ title: "t", areas: areas() }],
  drawEntry: () => [0x1007n, { title: "t" }],
  drawFaultPath: () => [machine(), () => {}, { title: "t" }],
  drawBloat: () => [
    [{ huge: "never", everyBytes: 4096, writtenBytes: 8, residentBytes: 8, hugeBytes: 0 }],
    { title: "t" },
  ],
  drawFaultDistribution: () => [
    { never: [{ ns: 0, tookNs: 900, pid: 1, reason: "minor" }] },
    { title: "t", weight: "faults" },
  ],
  drawFaultTimes: () => [[{ ns: 0, tookNs: 900, pid: 1, reason: "minor" }], { title: "t" }],
  drawFrameMap: () => [machine(), { title: "t" }],
  drawFrames: () => [machine(), { title: "t" }],
  drawLists: () => [watched(), { title: "t" }],
  drawOwners: () => [{ title: "t", owners: pagewalk.ownersOf({ one: process().mm }) }],
  drawProcesses: () => [{ title: "t", root: pagewalk.familyOf(process()) }],
  drawGenerations: () => [watchedGenerations(), { title: "t" }],
  drawPageSizes: () => [{ title: "t", tlbs: ["tiny"], sizes: [65536], accesses: 10 }],
  drawPmd: () => [pagewalk.pmdView(process(), 0x10000), { title: "t" }],
  drawPolicyCurves: () => [[1, 2, 1, 3], { title: "t", policies: ["LRU"], capacities: [1, 2] }],
  drawRates: () => [watched(), ["pgfault"], { title: "t" }],
  drawSwapActivity: () => [watched(), { title: "t" }],
  drawSwapEntry: () => [0x07ff_ffff_ffff_fc08n, { title: "t" }],
  drawFreeBlocks: () => [
    [
      { ns: 0, free: [1] },
      { ns: 9, free: [2] },
    ],
    { title: "t" },
  ],
  drawSwapMap: () => [withSwap(), { title: "t" }],
  drawTables: () => [{ title: "t", root: pagewalk.tablesOf(walked().pageTables[0]!) }],
  drawPrograms: () => [{ title: "t", run: machine().runPrograms({ touches: (p) => touching(p) }) }],
  drawThrashing: () => [{ ssd: [thrashing()] }, { title: "t", x: "programs", y: "throughput" }],
  drawThrashingKinds: () => [[KIND], { title: "t" }],
  drawTimeline: () => [{ title: "t", events: [{ atNs: 1, lane: "a", label: "x" }] }],
  drawTlb: () => [{ title: "t", sets: pagewalk.tlbSets(walked().cpu.mmu.l1d[2]!) }],
  drawWalk: () => [walked().explain(0x40_0000), { title: "t" }],
  drawWatermarks: () => [watched(), { title: "t", zone: "DMA" }],
  dumpTable: () => [walked().ram, 1, 4, true],
  entryText: () => [0x1007n],
  errorCodeText: () => [7],
  explainWalk: () => [walked().ram, walked().cpu.paging, 0x40_0000, 4],
  familyOf: () => [process(), {}],
  faultTimes: () => [machine(), () => {}],
  formatSize: () => [4096],
  framesOf: () => [{ one: process().mm }, {}],
  frameMap: () => [machine()],
  frameUses: () => [machine()],
  freeText: () => [machine()],
  grep: () => [/a/, "a\nb"],
  heat: () => [[1, 2], [1], [[3, 4]], { title: "t", x: "a (KiB)", y: "b (KiB)", z: "c (ms)", alt: "a map." }],
  hex: () => [4096, 4],
  hexdump: () => [ram(), 0, 64],
  hint: () => ["01.1", 1],
  internalFragmentation: () => [[1, 5000], 4096],
  isCanonical: () => [4096, 4],
  isDisplayable: () => [{}],
  isLeaf: () => [0x87n, 2],
  lines: () => [[1, 2], { one: [1, 2] }, PLOT],
  linuxPaging: () => [1, { wp: true }],
  load: () => ["01"],
  loadTrace: () => ["wordsort"],
  makeElf: () => [{}],
  makeEntry: () => [16, 7, true],
  missRatioCurve: () => [[1, 2, 1]],
  numberPages: () => [[1, 2, 1]],
  measureBloat: () => [{ everyBytes: [2097152], huge: ["never"], mappingBytes: 2097152 }],
  measureThrashing: () => [SMALL],
  measurementTable: () => [machine().measure(() => 1)],
  newHost: () => ["1 MiB", {}],
  offsetInPage: () => [4097],
  ownersOf: () => [{ one: process().mm }, {}],
  packEntry: () => [pagewalk.unpackEntry(0x1007n)],
  pageAlign: () => [4097],
  pageAlignDown: () => [4097],
  pmdView: () => [process(), 0x10000],
  pageBooks: () => [process(), {}],
  pageStates: () => [[...process().mm.mmMt][0]],
  plot: () => [FIGURE],
  points: () => [[1, 2], { one: [1, null] }, PLOT],
  pageOut: () => swapArguments(false).slice(0, 3).concat(4096),
  parseSize: () => ["4 KiB", "size"],
  predict: () => ["What?", 3, "abcdefgh"],
  readLackey: () => [[" L 1000,8"], "here"],
  readLackeyStream: () => [[" L 1000,8"], "here"],
  record: () => [machine(), () => {}, { events: ["mmu:access"], capture: () => 1 }],
  reset: () => ["zz"],
  runPolicy: () => ["LRU", [1, 2, 1], 2],
  runStream: () => [Object.assign(walked().cpu, { cpl: 3 }), numbers, 0x40_0000],
  sampleFreeBlocks: () => [machine(), () => {}],
  samplePressure: () => [machine(), () => {}],
  sendIpi: () => [machine().cpus[0], [machine().cpus[1]], () => {}],
  sharersOf: () => [process()],
  shootdownCost: () => [{ cpus: 2, pages: 4 }],
  show: () => [1],
  slabText: () => [machine()],
  showMm: () => [process().mm, "c"],
  tablesOf: () => [walked().pageTables[0]],
  table: () => [[{ a: 1 }], { caption: "c", columns: ["a"], note: "n", highlight: () => true }],
  stepCache: () => [withFile(), "/data/f", () => {}, { title: "t" }],
  stepFault: () => [machine(), () => {}, { title: "t" }],
  stepFrameMap: () => [machine(), () => {}, { title: "t", events: ["kmem:*"] }],
  stepOwners: () => {
    const m = machine();
    return [m, m.spawn("one"), () => {}, { title: "t", range: {} }];
  },
  stepPmd: () => {
    const one = process();
    return [pagewalk.boot({ ram: "1 MiB" }), one, 0x10000, () => {}, { title: "t" }];
  },

  stepPolicy: () => ["LRU", [1, 2, 3, 1], 2, { title: "t" }],
  stepReclaim: () => [withFile(), ["/data/f"], () => {}, { title: "t" }],
  stepSwapIn: () => swapArguments(true),
  stepSwapOut: () => swapArguments(false),
  stepShares: () => [process(), { one: () => {} }, { title: "t", range: {} }],
  stepTables: () => [walked().pageTables[0], { one: () => {} }, { title: "t" }],
  stepTlb: () => [machine(), () => {}, { title: "t" }],
  stepWalk: () => [walked().explain(0x40_0000), { title: "t" }],
  stackDistances: () => [[1, 2, 1]],
  stepper: () => [[1, 2], () => pagewalk.drawAddress(0x40_0000), { title: "t" }],
  tableFrames: () => [[{ start: 0, end: 4096 }], { levels: 4, bits: 9, entryBytes: 8 }],
  tableIndex: () => [4096, 1],
  takeTurns: () => [{}, () => {}, 100],
  thrashingKinds: () => [],
  thrashingKindsTable: () => [[KIND]],
  tlbModel: () => ["tiny"],
  tlbReach: () => [{ sets: 1, ways: 4, levels: [1] }, 1],
  tlbSets: () => [walked().cpu.mmu.l1d[1]],
  sweepPages: () => [{ tlb: "tiny", sizes: [65536], pageBytes: [4096], strideBytes: 4096, accesses: 10 }],
  touchLoop: () => [{ count: 6, strideBytes: 8192 }],
  translateSegment: () => [{ name: "s", base: 0, limitBytes: 10 }, 3],
  trapText: () => [{ steps: [] }],
  tryOut: () => [() => 1],
  unpackEntry: () => [0x1007n],
  unpackTrace: () => [PACKED],
  vmstatText: () => [watched(), 10],
  vpnOf: () => [4097],
  writeGate: () => [ram(), 0x1000, 14, 0x4000, 0],
};

function areas() {
  return pagewalk.areasOf(process().mm);
}

interface ClassExample {
  /** Good arguments of the constructor. */
  readonly args?: Args;
  /** An instance to call methods on; by default one made with `args`. */
  readonly make?: () => object;
  /** Methods that TypeScript calls private. */
  readonly inside?: readonly string[];
  /** Good arguments by method. */
  readonly methods?: Record<string, (self: never) => unknown[]>;
}

const at = (self: pagewalk.Process): number => [...self.mm.mmMt][0]!.vmStart;

/** Every exported class. */
export const CLASSES: Record<string, ClassExample> = {
  BareFrames: { args: () => [ram(), 1], methods: { allocRun: () => [2], freeFrame: () => [1] } },
  BareMachine: {
    args: () => ["64 KiB"],
    methods: {
      load: () => [0, 4],
      store: () => [0, 4, 1],
      throughSegment: () => [{ name: "s", base: 0, limitBytes: 100 }],
    },
  },
  Clock: { args: () => [{ accessNs: 1 }], methods: { advance: () => [1] } },
  Cpu: {
    args: () => [0, ram(), new pagewalk.Clock(), {}],
    make: () => walked().cpu,
    inside: [
      "loadUint",
      "storeUint",
      "loadHalves",
      "loadExact",
      "physical",
      "physicalAfterFaults",
      "twoPages",
      "restart",
    ],
    methods: {
      writeCr3: () => [0x1000, false],
      invlpg: () => [4096],
      invpcid: () => [0, 0, 0],
      flushOne: () => [4096, 0],
      flushRange: () => [0, 8192, 0, 4096],
      flushPcid: () => [0],
      load: () => [0x40_0000, 4],
      store: () => [0x40_0000, 4, 1],
      fetch: () => [0x40_0000, 1],
      load64: () => [0x40_0000],
      store64: () => [0x40_0000, 1n],
      loadBig: () => [0x40_0000, 8],
      storeBig: () => [0x40_0000, 1n, 8],
      access: () => [0x40_0000, 0],
      translate: () => [0x40_0000, 0],
    },
  },
  Machine: {
    args: () => [{ ram: "1 MiB" }],
    make: () => {
      const m = walked();
      return m;
    },
    methods: {
      spawn: () => ["x"],
      newPageTable: () => ["x"],
      run: (m: pagewalk.Machine) => [numbers, { baseVa: 0x40_0000, cpu: m.cpu, user: true }],
      switchMm: (m: pagewalk.Machine) => [m.pageTables[0], m.cpu],
      explain: (m: pagewalk.Machine) => [0x40_0000, 4, m.cpu],
      restore: (m: pagewalk.Machine) => [m.snapshot()],
      measure: () => [() => 1],
      process: () => [2],
    },
  },
  NotWrittenYet: { args: () => ["01.1"] },
  PageTable: {
    args: () => [ram(), new pagewalk.BareFrames(ram()), { levels: 4, name: "t" }],
    inside: [
      "collect",
      "slotFor",
      "freeEmptyTables",
      "isLeaf",
      "indexOf",
      "read",
      "write",
      "leafLevelOf",
      "checkPlace",
    ],
    make: () => walked().pageTables[0]!,
    methods: {
      map: () => [0x80_0000, 9, { writable: true }, 4096],
      mapNew: () => [0x80_0000, 2, {}],
      unmap: () => [0x40_0000],
    },
  },
  MissRatioCurve: {
    make: () => pagewalk.missRatioCurve([1, 2, 1]),
    methods: { missesAt: () => [1], missRatioAt: () => [1] },
  },
  ProcFs: {
    make: () => machine().procfs,
    inside: ["asRoot", "exportTask", "rootFile", "readOf"],
    methods: {
      read: () => ["/proc/meminfo"],
      tryRead: () => ["/proc/meminfo"],
      write: () => ["/proc/sys/vm/drop_caches", "1"],
      open: () => ["/proc/meminfo", 0, 1],
      tryWrite: () => ["/proc/sys/vm/swappiness", "10"],
      mkdir: () => ["/sys/fs/cgroup/a"],
      rmdir: () => ["/sys/fs/cgroup/a"],
      maps: () => [1],
      smaps: () => [1],
      smapsRollup: () => [1],
      status: () => [1],
      task: () => [1],
      pagemap: () => [1, 0, 1],
      kpagecount: () => [1],
      kpageflags: () => [1],
    },
  },
  Process: {
    make: process,
    inside: ["child", "checkCpu"],
    methods: {
      mmap: () => [
        "8 KiB",
        { prot: "rw", shared: false, offset: 0, at: 0, fixed: false, populate: false, locked: false },
      ],
      munmap: (p: pagewalk.Process) => [at(p), 4096],
      mprotect: (p: pagewalk.Process) => [at(p), 4096, "r"],
      mremap: (p: pagewalk.Process) => [at(p), 4096, 8192, at(p) + 2 ** 20],
      madvise: (p: pagewalk.Process) => [at(p), 4096, "DONTNEED"],
      mlock: (p: pagewalk.Process) => [at(p), 4096, { onfault: false }],
      munlock: (p: pagewalk.Process) => [at(p), 4096],
      mlockall: () => [{ current: true, future: false, onfault: false }],
      msync: (p: pagewalk.Process) => [at(p), 4096, 4],
      mincore: (p: pagewalk.Process) => [at(p), 4096],
      sbrk: () => [4096],
      load: (p: pagewalk.Process) => [at(p), 4],
      store: (p: pagewalk.Process) => [at(p), 4, 1],
      fetch: (p: pagewalk.Process) => [at(p), 1],
      touch: (p: pagewalk.Process) => [at(p), 4096, "w"],
      on: () => ["SIGSEGV", () => {}],
      open: () => ["/file", { create: true, writable: true }],
      close: () => [3],
      memfdCreate: () => ["m"],
      read: (p: pagewalk.Process) => [p.memfdCreate("m"), at(p), 8],
      write: (p: pagewalk.Process) => [p.memfdCreate("m"), at(p), 8],
      ftruncate: (p: pagewalk.Process) => [p.memfdCreate("m"), 8],
      fsync: (p: pagewalk.Process) => [p.memfdCreate("m")],
      dropCache: (p: pagewalk.Process) => [p.memfdCreate("m")],
      exec: () => ["/bin/none", ["none"], ["A=1"]],
      fork: () => ["child"],
      vfork: () => ["child"],
      thread: () => [1],
      setaffinity: () => [1],
      exit: () => [0],
      wait: () => [-1],
      kill: () => ["SIGTERM"],
      setrlimit: () => ["memlock", 4096, 8192],
      getrlimit: () => ["memlock"],
      getrusage: () => ["children"],
      setAnonVmaName: (p: pagewalk.Process) => [at(p), 4096, "name"],
      pread: (p: pagewalk.Process) => [p.memfdCreate("m"), at(p), 8, 0],
      pwrite: (p: pagewalk.Process) => [p.memfdCreate("m"), at(p), 8, 0],
      lseek: (p: pagewalk.Process) => [p.memfdCreate("m"), 8, "set"],
      truncate: () => ["/file", 8],
      unlink: () => ["/file"],
      setuid: () => [1000],
      capset: () => [{ effective: [], permitted: [], inheritable: [] }],
      syscall: () => ["getpid"],
    },
  },
  Ram: {
    args: () => [2 ** 20],
    // Run for every access; Cpu and the page tables check before they call.
    inside: [
      "clearFrame",
      "touchSection",
      "sectionToWrite",
      "makeSection",
      "check",
      "checkFrame",
      "checkEntry",
      "readUintBytes",
      "writeUintBytes",
      "sectionOf",
      "word",
      "setWord",
      "entryLo",
      "entryHi",
      "setEntry",
      "write8",
      "writeUint",
      "readUint",
      // Of devices, which check before they call.
      "saveFrame",
      "loadFrame",
      "isFrameZero",
    ],
    methods: {
      read8: () => [0],
      write8: () => [0, 1],
      readUint: () => [0, 4],
      writeUint: () => [0, 4, 1],
      readEntry: () => [0],
      writeEntry: () => [0, 1n],
      frame: () => [1],
      zeroFrame: () => [1],
      copyFrame: () => [1, 2],
      saveFrame: () => [1, new Uint8Array(4096), 0],
      loadFrame: () => [1, new Uint8Array(4096), 0, 4096],
      isFrameZero: () => [1],
    },
  },
  Random: {
    args: () => [1],
    methods: { below: () => [5], between: () => [1, 5], chance: () => [50], pick: () => [[1, 2]] },
  },
  SegmentedMemory: {
    args: () => [1000, "first"],
    inside: ["chooseHole", "cellText"],
    make: () => {
      const memory = new pagewalk.SegmentedMemory(1000, "first");
      memory.allocate("a", 100);
      return memory;
    },
    methods: {
      allocate: () => ["b", 100],
      free: (m: pagewalk.SegmentedMemory) => [m.list()[0]],
      toString: () => [64],
    },
  },
  Stepper: {
    make: () => pagewalk.stepper([1, 2], () => pagewalk.drawAddress(0x40_0000)),
    inside: ["strip"],
    methods: { at: () => [1] },
  },
  Table: { args: () => FUNCTIONS.table!(), inside: ["marked", "aligned"] },
  Trace: {
    make: () => pagewalk.readLackey([" L 1000,8"], "here"),
  },
};

const PART =
  "a kernel function for replaceable parts: it takes the kernel's own objects and runs within the kernel, where a check would cost speed and clutter";

/** Not fed bad values, and why. */
export const LOOSE: Record<string, string> = {
  ...Object.fromEntries(
    [
      "addMmCounter",
      "pmdLeaf",
      "pteMkwrite",
      "pteYoung",
      "pmdOffset",
      "pteAllocOne",
      "pteFree",
      "pteSoftDirty",
      "flushTlbMmRange",
      "folioAddAnonRmapPtes",
      "clearUserHighpage",
      "vmaIsAnonymous",
      "folioRefAdd",
      "pfnToPage",
      "folioPutRefs",
      "folioPteBatch",
      "folioRemoveRmapPmd",
      "allocChargeFolio",
      "collapseIsolate",
      "collapseRelease",
      "collapseSwapin",
      "hugepageVmaRevalidate",
      "noneOrZero",
      "deferredSplitFolio",
      "mapAnonFolioPmd",
      "isHugeZeroPmd",
      "mkHugePmd",
      "mmIncNrPtes",
      "pgtableTransHugeDeposit",
      "pgtableTransHugeWithdraw",
      "mmGetHugeZeroFolio",
      "khugepagedEnterVma",
      "removeFileLeaf",
      "vmaThpGfpMask",
      "modMthpStat",
      "memCgroupCharge",
      "countMemcgEvents",
      "allocPages",
      "compactFinished",
      "compactZone",
      "fragmentationIndex",
      "freeOnePage",
      "isolateFreepages",
      "isolateMigratepages",
      "isolateMigratepagesBlock",
      "migratePages",
      "putbackMovablePages",
      "rmqueueSmallest",
      "unusableFreeIndex",
      "anonVmaPrepare",
      "copyPresentPte",
      "copyUserHighpage",
      "cpuTlbState",
      "doWpPage",
      "canReclaimAnonPages",
      "finishFault",
      "folioAddAnonRmapPte",
      "folioFreeSwap",
      "folioMatchesSwapEntry",
      "folioWaitLocked",
      "getSwapDevice",
      "handlePteMarker",
      "isPteMarker",
      "lruvecLruSize",
      "memCgroupSwapFull",
      "pteMksoftDirty",
      "pteNeedsSoftDirtyWp",
      "pteSwpExclusive",
      "pteSwpSoftDirty",
      "pteToSwpEntry",
      "readPastCache",
      "swapCacheGetFolio",
      "swapEntryCount",
      "swapFreeNr",
      "swapUpdateReadahead",
      "swapcacheClear",
      "swapinReadahead",
      "vmfPteChanged",
      "flushTlbPage",
      "newTlbflushUnmapBatch",
      "tryToUnmap",
      "tryToUnmapFlush",
      "folioEvictable",
      "folioIsFileLru",
      "lruNoteCostRefault",
      "currentIsKswapd",
      "folioCheckDirtyWriteback",
      "folioCheckReferences",
      "pageout",
      "removeMapping",
      "folioMapped",
      "folioNrPages",
      "countVmEvents",
      "globalNodePageState",
      "modNodePageState",
      "folioIsLocked",
      "folioIsWriteback",
      "folioAddLruVma",
      "folioAddNewAnonRmap",
      "folioDupFileRmapPtes",
      "folioMoveAnonRmap",
      "folioPut",
      "folioRemoveRmapPtes",
      "folioTestAnon",
      "folioTryDupAnonRmapPte",
      "getMmRss",
      "isCowMapping",
      "lruAddDrain",
      "maybeMkwrite",
      "mlockFixup",
      "mmCounterFile",
      "mmPopulate",
      "pageFolio",
      "pfnPte",
      "relocateCluster",
      "swapClusterAllocTable",
      "swapCountContinued",
      "swapEntriesFree",
      "swapRangeAlloc",
      "swpEntry",
      "pteClear",
      "pteDirty",
      "pteMkclean",
      "pteMkdirty",
      "pteMkold",
      "pteMkspecial",
      "pteMkyoung",
      "ptePfn",
      "ptePresent",
      "pteSpecial",
      "pteWrite",
      "pteWrprotect",
      "ptepGet",
      "setPte",
      "vmNormalPage",
      "vmaPageProt",
      "vmaPages",
      "vmfPteAlloc",
      "wpPageReuse",
      "wpPageShared",
    ].map((name) => [name, PART]),
  ),
  ...Object.fromEntries(
    [
      "allows",
      "errorCodeOf",
      "kernPcid",
      "mapPage",
      "pagingOf",
      "pteIndex",
      "tableIndex32",
      "walk",
      "walk32",
    ].map((name) => [
      name,
      "the processor's or a part's own function, run within every walk or access; parts' answers are checked instead",
    ]),
  ),
  chooseNewAsid: PART,
  pteNeedsFlush: PART,
  ...Object.fromEntries(
    [
      "AddressFault",
      "CheckResult",
      "FaultError",
      "Note",
      "PageFault",
      "Picture",
      "Prediction",
      "SegmentFault",
      "SideBySide",
      "SignalError",
      "SyscallError",
      "TripleFault",
      "TurnReport",
      "NumberedTrace",
    ].map((name) => [name, "an answer: lib makes it, notebooks only look at it"]),
  ),
  Plot: "an answer of plot()",
};
