/**
 * The pictures and tables that `pagewalk` offers: what notebooks draw with. One part of ../index.ts, which
 * hands all of it on; inside `lib` a file imports the picture it needs, never this list.
 */
export {
  type Bloat,
  type BloatOptions,
  drawBloat,
  measureBloat,
} from "./bloat.js";
export { drawAccesses } from "./draw_accesses.js";
export { type AddressOptions, drawAddress } from "./draw_address.js";
export { type Area, type AreasData, drawAreas, type PageState } from "./draw_areas.js";
export { type CurvesOptions, drawPolicyCurves } from "./draw_curves.js";
export { drawEntry, type EntryOptions } from "./draw_entry.js";
export { drawFaultDistribution, type FaultDistributionOptions } from "./draw_fault_distribution.js";
export {
  drawFrameMap,
  type FrameMapOptions,
  type StepFrameMapOptions,
  stepFrameMap,
} from "./draw_frame_map.js";
export { drawFrames, type FrameUse, frameUses } from "./draw_frames.js";
export { drawFreeBlocks, type FreeBlocks, sampleFreeBlocks } from "./draw_free_blocks.js";
export { drawGenerations } from "./draw_generations.js";
export {
  drawOwners,
  type FrameFacts,
  type OwnedPage,
  type Owner,
  type OwnersData,
} from "./draw_owners.js";
export { drawPageSizes, type PageSizesOptions } from "./draw_page_sizes.js";
export { drawPmd, type PmdOptions, type StepPmdOptions, stepPmd } from "./draw_pmd.js";
export { drawPolicy } from "./draw_policy.js";
export {
  drawLists,
  drawRates,
  drawSwapActivity,
  drawWatermarks,
  type PressureOptions,
  type WatermarkOptions,
} from "./draw_pressure.js";
export { drawProcesses, type ProcessesData, type ProcessNode } from "./draw_processes.js";
export { drawPrograms, type ProgramsData } from "./draw_programs.js";
export { drawSwapEntry, type SwapEntryOptions } from "./draw_swap_entry.js";
export { drawSwapMap, type SwapMapOptions } from "./draw_swap_map.js";
export {
  drawTables,
  type MappedPage,
  type TableNode,
  type TableNodeEntry,
  type TablesData,
} from "./draw_tables.js";
export { drawThrashing, type ThrashingPlotOptions } from "./draw_thrashing.js";
export { drawTimeline, type TimelineData, type TimelineEvent } from "./draw_timeline.js";
export { drawTlb, type TlbCell, type TlbData, type TlbMark } from "./draw_tlb.js";
export { drawWalk, type WalkData, type WalkOptions } from "./draw_walk.js";
export { familyOf, type PageBook, pageBooks, sharersOf } from "./family.js";
export { drawFaultPath, type FaultPathOptions } from "./fault_path.js";
export { drawFaultTimes, type FaultReason, type FaultTime, faultTimes } from "./fault_times.js";
export type {
  Axis,
  BarSeries,
  Figure,
  HeatSeries,
  LineSeries,
  Mark,
  NumberFormat,
  Series,
} from "./figure.js";
export { type FrameBlock, type FrameKind, type FrameMap, frameMap } from "./frame_map.js";
export { grep } from "./grep.js";
export {
  areasOf,
  framesOf,
  type NamedMms,
  ownersOf,
  pageStates,
  type ShownRange,
  tlbSets,
} from "./mm_data.js";
export { pageOut } from "./page_out.js";
export { Picture } from "./picture.js";
export { Plot, plot } from "./plot.js";
export { type PmdData, type PmdFolio, type PmdOwner, type PmdPage, pmdView } from "./pmd_data.js";
export {
  type ListSizes,
  type Pressure,
  type PressureCounter,
  type PressureSample,
  type PressureZone,
  samplePressure,
} from "./pressure.js";
export { freeText, slabText, vmstatText } from "./pressure_text.js";
export {
  type AxisScale,
  type BarsOptions,
  bars,
  type HeatOptions,
  heat,
  type LinesOptions,
  lines,
  type PlotOptions,
  points,
  type SeriesByName,
  type Values,
} from "./quick_plot.js";
export { type Displayable, isDisplayable, JUPYTER_DISPLAY, type MimeBundle, show } from "./show.js";
export { measurementTable } from "./show_measurement.js";
export { showMm } from "./show_mm.js";
export { stepCache } from "./step_cache.js";
export { stepFault } from "./step_fault.js";
export { type StepOwnersOptions, stepOwners } from "./step_owners.js";
export { stepPolicy } from "./step_policy.js";
export { stepReclaim } from "./step_reclaim.js";
export { stepShares } from "./step_shares.js";
export { type StepSwapOptions, stepSwapIn, stepSwapOut } from "./step_swap.js";
export { stepTables, tablesOf } from "./step_tables.js";
export { stepTlb } from "./step_tlb.js";
export { stepWalk } from "./step_walk.js";
export { type LabelledStates, Stepper, type StepperOptions, stepper } from "./stepper.js";
export type { SvgFrame } from "./svg.js";
export {
  type CellFormat,
  type CellValue,
  type Column,
  type Row,
  Table,
  type TableOptions,
  table,
} from "./table.js";
export {
  measureThrashing,
  type Thrashing,
  type ThrashingOptions,
  type ThrashingProgram,
  type ThrashingSwap,
} from "./thrashing.js";
export {
  drawThrashingKinds,
  type ThrashingKind,
  thrashingKinds,
  thrashingKindsTable,
} from "./thrashing_kinds.js";
