import { checkPredictions } from "./predictions.js";

checkPredictions("04-copy-on-write", [
  ["Alice has written 4 pages and fo", 0],
  ["Alice writes to page 0. Who has", "bob"],
  ["Now bob writes to page 0 too. Is", "no"],
  ["P, C1 and C2 share page 0. All t", 2],
  ["60 pages are shared by three pro", 79],
  ["Ann forks ben. Ben writes to the", "yes"],
  ["A kernel forgets the flush. Alic", 2],
  ["The database has 2 MiB. How many", 4096],
  ["The child has called exec. The s", 16],
]);
