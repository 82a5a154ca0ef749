/**
 * What notebooks and exercises may import from "pagewalk", by name, one block for each folder.
 * Inside `lib` a file imports the file it needs, never this one.
 */

// course: exercises and grading
export { NotWrittenYet } from "./course/exercises/not_written_yet.js";
// hw: the processor and its memory
export {
  ENTRIES_PER_TABLE,
  hex,
  isCanonical,
  LEVEL_SIZE,
  offsetInPage,
  PAGE_SHIFT,
  PAGE_SIZE,
  PMD_SIZE,
  PUD_SIZE,
  pageAlign,
  pageAlignDown,
  tableIndex,
  vpnOf,
} from "./hw/address.js";
export {
  BareMachine,
  type Memory,
  type Program,
  type TurnAccess,
  TurnReport,
  takeTurns,
} from "./hw/bare.js";
export { BareFrames, type FrameAllocator } from "./hw/frames.js";
export { Ram } from "./hw/ram.js";
export { Random } from "./hw/random.js";
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
export { formatSize, parseSize } from "./hw/size.js";
