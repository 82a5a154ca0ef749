/**
 * What notebooks, exercises and scripts import from "pagewalk": the machine from the outside, its processor,
 * pictures and the course. What a part of the kernel calls, once you replace it by your own, is in
 * "pagewalk/kernel" (kernel.ts).
 *
 *     import { boot, drawWalk, show } from "pagewalk";
 *     import { pfnPte, setPte, type VmFault } from "pagewalk/kernel";
 *
 * Inside `lib` a file imports the file it needs, never one of these two.
 */
import "./course/kernel/rich_output.js";
import "./course/proc_export.js";
import "./procfs/mount.js";

// ---------------- the course: exercises, grades, predictions, recorded traces

export { hint } from "./course/exercises/hint.js";
export { type LoadedExercises, load } from "./course/exercises/load.js";
export { NotWrittenYet } from "./course/exercises/not_written_yet.js";
export { Note } from "./course/exercises/note.js";
export { reset } from "./course/exercises/reset.js";
export { tryOut } from "./course/exercises/try_out.js";
export { CheckResult, check } from "./course/grading/check.js";
export type { GradeReport, TaskReport, TaskState as GradeState } from "./course/grading/report.js";
export { type Answer, Prediction, type PredictionState, predict } from "./course/predict.js";
export { loadTrace, TRACE_NAMES } from "./course/traces.js";

// ---------------- the machine: boot it, start processes, measure, go back

export type { BlockFiles, Disk } from "./fs/block_files.js";
export { makeElf, type ProgramParts } from "./fs/elf.js";
export {
  type ArmModel,
  BLOCK_MODELS,
  type BlockDevice,
  type BlockModel,
  type BlockModelName,
  type BlockRequest,
  type DeviceClock,
  type DiskSpeed,
  type RequestFailure,
  type RequestOwner,
} from "./hw/block_device.js";
export { Clock, COSTS, type CostTable } from "./hw/clock.js";
export { Random } from "./hw/random.js";
export { formatSize, parseSize } from "./hw/size.js";
export type { CapabilityName } from "./kernel/cred.js";
export type { Disks } from "./kernel/disks.js";
export { SyscallError } from "./kernel/errno.js";
export {
  type BootOptions,
  type BootReserve,
  boot,
  Machine,
  type MachineParts,
  type RunOptions,
} from "./kernel/machine.js";
export type { Cost, Counts, MeasuredCpu, MeasuredProcess, Measurement } from "./kernel/measure.js";
export type { MountOptions } from "./kernel/mount.js";
export { Process } from "./kernel/process.js";
export type { Advice, CapabilitySets, MmapOptions, MremapOptions, Prot } from "./kernel/process_options.js";
export type {
  ProgramFunction,
  ProgramResult,
  ProgramSpan,
  Programs,
  ProgramsRun,
  RunProgramsOptions,
} from "./kernel/programs.js";
export type { Rlimit } from "./kernel/rlimit.js";
export type { FaultCounts, Rusage } from "./kernel/rusage.js";
export { type ShootdownCost, type ShootdownExperiment, shootdownCost } from "./kernel/shootdown_cost.js";
export {
  type SigInfo,
  type SignalCode,
  SignalError,
  type SignalHandler,
  type SignalName,
} from "./kernel/signal.js";
export type { MachineSnapshot } from "./kernel/snapshot.js";
export type { SwaponOptions } from "./kernel/swap.js";
export type { SwapOptions } from "./kernel/swap_disks.js";
export type { WaitResult } from "./kernel/syscalls/process.js";
export type { LruGeneration } from "./mm/lru/gen/observe.js";

// ---------------- system calls by number: their numbers and flags

export { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "./fs/file_tree.js";
export type { SyscallArg } from "./kernel/syscalls/define.js";
export { SYSCALL_NUMBERS } from "./kernel/syscalls/numbers.js";
export type { TaskIoAccounting } from "./mm/task_io.js";
export {
  MADV,
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_DENYWRITE,
  MAP_EXECUTABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  MAP_TYPE,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_NONE,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
} from "./mm/vma/mman.js";

// ---------------- what the machine shows: /proc, /sys and events

export type { TraceEvent, TraceFields, TracepointName, TraceRing } from "./mm/trace.js";
export type { PagemapEntry } from "./procfs/pagemap.js";
export type {
  BuddyinfoZone,
  MapsArea,
  NamedNumbers,
  ProcStatus,
  SmapsArea,
  SmapsFields,
  SmapsRollup,
  SmapsSize,
  ZoneinfoZone,
} from "./procfs/parse.js";
export type { ProcCred, ProcTask } from "./procfs/proc_task.js";
export { type ProcFileInfo, ProcFs, type ProcImage } from "./procfs/procfs.js";
export {
  type RecordedEvent,
  type RecordedStep,
  type Recording as MachineRecording,
  type RecordOptions,
  record,
} from "./view/record.js";

// ---------------- runs recorded on Linux, side by side with the machine's

export { compare, SideBySide } from "./replay/compare.js";
export type { Comparison, Difference, NotApplicable } from "./replay/compare_records.js";
export type {
  AccessResult,
  FileState,
  Guest as ReplayGuest,
  Host as ReplayHost,
  HostFiles as ReplayFiles,
  HostSwap as ReplaySwap,
} from "./replay/host.js";
export { newHost } from "./replay/kernel_host.js";
export type { GuestBoot, Json, Recording, StepRecord } from "./replay/record.js";

// ---------------- the processor: addresses, RAM and page-table entries

export {
  ENTRIES_PER_TABLE,
  hex,
  isCanonical,
  LEVEL_SIZE,
  offsetInPage,
  PAGE_SHIFT,
  PAGE_SIZE,
  type Pfn,
  PMD_SIZE,
  PUD_SIZE,
  pageAlign,
  pageAlignDown,
  tableIndex,
  type Vaddr,
  vpnOf,
} from "./hw/address.js";
export {
  type EntryFields,
  entryText,
  isLeaf,
  MAXPHYADDR,
  makeEntry,
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_NX,
  PAGE_PCD,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_PWT,
  PAGE_RW,
  PAGE_USER,
  PHYSICAL_MASK,
  type Pte,
  packEntry,
  unpackEntry,
} from "./hw/entry.js";
export { BareFrames, type FrameAllocator } from "./hw/frames.js";
export { dumpTable, hexdump } from "./hw/hexdump.js";
export {
  type MapFlags,
  type MapPage,
  type Mapping,
  mapPage,
  PageTable,
  type PageTableOptions,
  type TableLevels,
} from "./hw/page_table.js";
export { Ram, type RamSection } from "./hw/ram.js";
export { type AddressRange, type TableCount, tableFrames } from "./hw/table_count.js";

// ---------------- the processor: accesses, walks, faults and exceptions

export { Cpu, type CpuOptions } from "./hw/cpu.js";
export type { CpuCounters } from "./hw/cpu_counters.js";
export {
  type AddressFaultHandler,
  type DoubleFaultHandler,
  type PageFaultHandler,
  TripleFault,
} from "./hw/exception.js";
export {
  type AddressField,
  addressFields,
  type ExplainedStep,
  type Explanation,
  errorCodeText,
  explainWalk,
} from "./hw/explain.js";
export {
  ACCESS_FETCH,
  ACCESS_READ,
  ACCESS_USER,
  ACCESS_WRITE,
  AddressFault,
  accessText,
  type Fault,
  FaultError,
  PageFault,
  PF_INSTR,
  PF_PROT,
  PF_RSVD,
  PF_USER,
  PF_WRITE,
} from "./hw/fault.js";
export type { Mmu } from "./hw/mmu.js";
export type { AccessRecord, MmuStats, TlbStats } from "./hw/mmu_stats.js";
export { allows, errorCodeOf, RIGHT_NX } from "./hw/protection.js";
export { linuxPaging, type Paging, pagingOf } from "./hw/registers.js";
export { sendIpi } from "./hw/smp.js";
export type { Translation, Walk, WalkStep, WalkWatch } from "./hw/translation.js";
export {
  deliverException,
  type TrapOutcome,
  type TrapRegisters,
  type TrapStep,
  trapText,
  writeGate,
  X86_TRAP_DF,
  X86_TRAP_PF,
} from "./hw/trap.js";
export { walk } from "./hw/walk.js";
export { tableIndex32, walk32 } from "./hw/walk32.js";

// ---------------- the processor: TLBs, and streams of accesses through them

export { readLackey, readLackeyStream } from "./hw/lackey.js";
export { type PageSweep, type SweepCurve, type SweepPoint, sweepPages } from "./hw/page_sweep.js";
export { runStream, STREAM_FETCH, STREAM_WRITE, type StreamResult } from "./hw/stream.js";
export {
  type Replacement,
  type Tlb,
  type TlbGeometry,
  type TlbsByLevel,
  tlbReach,
} from "./hw/tlb.js";
export { type TouchLoop, type TouchResult, touchLoop } from "./hw/tlb_curves.js";
export type { TlbEntry } from "./hw/tlb_entry.js";
export {
  DEFAULT_TLB_MODEL,
  TLB_MODELS,
  type TlbModel,
  type TlbModelName,
  tlbModel,
  type WalkCacheSizes,
} from "./hw/tlb_model.js";
export type { TlbFactory, TlbPart } from "./hw/tlb_part.js";
export { Trace, type TraceCounts, unpackTrace } from "./hw/trace.js";

// ---------------- page replacement policies by themselves

export { type Anomaly, type AnomalySearch, findBeladyAnomaly } from "./policies/belady_anomaly.js";
export { curveOfDistances, MissRatioCurve, missRatioCurve } from "./policies/miss_ratio.js";
export {
  type AnyPageTrace,
  NumberedTrace,
  numberPages,
  type PageNumbers,
} from "./policies/numbered_trace.js";
export {
  type PageTraceOptions,
  pageTrace,
  type SyntheticOptions,
  syntheticTrace,
  type TraceKind,
} from "./policies/page_traces.js";
export type { Policy, PolicyClass, PolicyMaker } from "./policies/policy.js";
export { type PolicyStep, type PolicySteps, policySteps } from "./policies/policy_steps.js";
export {
  type AnyPolicy,
  POLICY_NAMES,
  type PolicyName,
  type PolicyResult,
  runPolicy,
} from "./policies/run_policy.js";
export { FIRST_USE, stackDistances } from "./policies/stack_distance.js";

// ---------------- memory before paging: the bare machine, segments

export {
  BareMachine,
  type Memory,
  type Program,
  type TurnAccess,
  TurnReport,
  takeTurns,
} from "./hw/bare.js";
export {
  compareFragmentation,
  type Fit,
  type FragmentationOptions,
  type FragmentationReport,
  type FragmentationStep,
  type Hole,
  internalFragmentation,
  type Segment,
  SegmentedMemory,
  SegmentFault,
  translateSegment,
} from "./hw/segmentation.js";

// ---------------- pictures and tables

export * from "./view/index.js";
