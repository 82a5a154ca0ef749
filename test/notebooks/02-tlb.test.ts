import { checkPredictions } from "./predictions.js";

checkPredictions("02-tlb", [
  ["A program loads from 0x400000, then", 0],
  ["In a TLB of 2 sets,", 1],
  ["Page 0x400, then page 0x404 is", 1026],
  ["A first-level TLB has 64 entries", 256],
  ["A loop goes over 80 pages", 0],
  ["16 pages, each 16 pages after", 1],
  ["The last walk was for a", 1],
  ["With PCIDs: Alice used 16 pages,", 0],
  ["Two user pages and two global", 2],
  ["The leaf entry in RAM is", "no"],
  ["On a correct kernel: which signal", "SIGSEGV"],
  ["A program unmaps 34 pages with", 0],
  ["A process runs on 8 CPUs.", 7],
]);
