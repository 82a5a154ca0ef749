import { checkPredictions } from "./predictions.js";

checkPredictions("05-reclaim", [
  ["Drop all caches now (drop_caches", 24],
  ["Memory is nearly full of file pa", "kswapd"],
  ["The same program on a machine wi", "more"],
  ["A mapped page of a file was used", "kept"],
  ["A program reads a file that is a", 0],
  ["Under FIFO: can a machine with M", "yes"],
  ["6 MiB are copied to the stick, w", "yes"],
  ["MemAvailable says 31 %. Does the", "no"],
]);
