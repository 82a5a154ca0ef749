import { checkPredictions } from "./predictions.js";

checkPredictions("03-demand-paging", [
  ["Alice maps 32 MiB of anonymous", 0],
  ["Two mappings of 16 KiB with", 3],
  ["Bob reads address 0x1000, where nothing", "SEGV_MAPERR"],
  ["Bob writes to a page that", "SEGV_ACCERR"],
  ["A file has 40 pages. Bob", "SIGBUS"],
  ["Eight fresh pages are only READ,", 1],
  ["Eight fresh pages are read, one", 16],
  ["The whole file is in the", 16],
  ["64 KiB are mapped with MAP_POPULATE,", 0],
  ["A process without privileges, with a", "ENOMEM"],
  ["The break moves 64 KiB up,", 0],
  ["The kernel's stack has overflowed: below", 8],
]);
