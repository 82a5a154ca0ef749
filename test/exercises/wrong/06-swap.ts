/**
 * Wrong answers to lab 06. Each is a change of the solution that learners really make; the grader must fail
 * that task and name the mistake (`says`).
 */

import type { WrongAnswer } from "../../../lib/course/grading/wrong.js";

const wrong = (task: string, name: string, find: string, replace: string, says: RegExp): WrongAnswer => ({
  task,
  name,
  find,
  replace,
  says,
});

// ---- 06.1
const INVERT = "~BigInt(place.offset) & ((1n << 50n) - 1n)";
const PACK = "let pte = (BigInt(place.type) << 59n) | (inverted << 9n);";
const NONE = "if (pte === 0n || (pte & 0x101n) !== 0n) return undefined;";
const OTHERS = "if (type >= 24) return undefined;";
const OFFSET = "Number(~(pte >> 9n) & ((1n << 50n) - 1n))";

export const wrongAnswers: WrongAnswer[] = [
  // ---- 06.1
  wrong("06.1", "does not invert the offset", INVERT, "BigInt(place.offset)", /bits are inverted/),
  wrong(
    "06.1",
    "inverts without an end",
    INVERT,
    "~BigInt(place.offset)",
    /bits are inverted[\s\S]*no number of 64/,
  ),
  wrong("06.1", "inverts 49 bits", INVERT, INVERT.replace("50n", "49n"), /50 bits are inverted/),
  wrong(
    "06.1",
    "inverts as a number, 32 bits",
    INVERT,
    "BigInt(~place.offset >>> 0)",
    /50 bits are inverted/,
  ),
  wrong("06.1", "inverts the type, too", PACK, PACK.replace("place.type", "31 - place.type"), /inverted/),
  wrong(
    "06.1",
    "puts the type at bit 58",
    PACK,
    PACK.replace("59n", "58n"),
    /type is not inverted, and begins at bit 59/,
  ),
  wrong(
    "06.1",
    "puts the offset at bit 12, where frames are",
    PACK,
    PACK.replace("9n);", "12n);"),
    /inverted|bit 9/,
  ),
  wrong("06.1", "sets exclusive in bit 2", "pte |= 1n << 3n", "pte |= 1n << 2n", /exclusive is bit 3/),
  wrong(
    "06.1",
    "takes the two bits for each other",
    "if (place.softDirty) pte |= 1n << 1n",
    "if (place.softDirty) pte |= 1n << 3n",
    /soft-dirty is bit 1/,
  ),
  wrong("06.1", "sets the present bit", PACK, PACK.replace(";", " | 1n;"), /bits 8 to 0 000000001/),
  wrong(
    "06.1",
    "takes the empty entry for a place",
    NONE,
    NONE.replace("pte === 0n || ", ""),
    /empty entry is nothing/,
  ),
  wrong(
    "06.1",
    "takes a page in RAM for one in swap",
    NONE,
    NONE.replace("0x101n", "0x100n"),
    /bit 0 set: the page is in RAM/,
  ),
  wrong("06.1", "does not know PROT_NONE", NONE, NONE.replace("0x101n", "0x1n"), /PROT_NONE/),
  wrong("06.1", "takes other notes for places in swap", OTHERS, "", /other notes/),
  wrong(
    "06.1",
    "knows only 23 areas",
    OTHERS,
    OTHERS.replace(">=", "> 22 || type >="),
    /type 23 is the last/,
  ),
  wrong("06.1", "takes type 24 for an area", OTHERS, OTHERS.replace(">=", ">"), /types from 24 on/),
  wrong("06.1", "does not invert on the way back", OFFSET, OFFSET.replace("~", ""), /comes back inverted/),
  wrong(
    "06.1",
    "inverts what it has not cut off",
    OFFSET,
    "Number(~(pte >> 9n) & ((1n << 55n) - 1n))",
    /comes back inverted|only they/,
  ),
  wrong("06.1", "cuts the offset to 32 bits", OFFSET, "Number(~(pte >> 9n) & 0xffff_ffffn)", /all 50 bits/),
  wrong(
    "06.1",
    "takes every low bit for exclusive",
    "(pte & (1n << 3n)) !== 0n",
    "(pte & 0xfdn) !== 0n",
    /other people|bits 2 and 4 to 7/,
  ),
];
