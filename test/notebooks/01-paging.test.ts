import { checkPredictions } from "./predictions.js";

checkPredictions("01-paging", [
  ["Alice stores 100", 7],
  ["24 KiB are free", "no"],
  ["A program needs 4097 bytes", 4095],
  ["How many bits does it take", 12],
  ["The program loads one byte", 4],
  ["Alice has stored 42", 42],
  ["Bob, a user program, writes", 7],
  ["The leaf has R/W = 1", "no"],
  ["Nothing is mapped yet", 4],
  ["64 pages are mapped", 130],
  ["Is 0x0000800000000000", "no"],
  ["As an ordinary user", 0],
]);
