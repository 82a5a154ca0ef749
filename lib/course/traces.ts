/**
 * The traces that come with the course, in lib/traces: what the programs are and how they were recorded is
 * told there.
 *
 *     loadTrace("wordsort") ---> lib/traces/wordsort.trace.gz ---> gunzip ---> unpackTrace ---> Trace
 *
 * Read first: hw/trace.ts. Not in Linux: part of the course, not of the machine.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { checkArguments } from "../hw/signature.js";
import { type Trace, unpackTrace } from "../hw/trace.js";
import { inRepository } from "./paths.js";

/** The traces that come with the course. */
export const TRACE_NAMES = ["wordsort"] as const;

/** A trace that comes with the course. RangeError for a name that is not one of TRACE_NAMES. */
export function loadTrace(name: (typeof TRACE_NAMES)[number]): Trace {
  checkArguments("loadTrace()", { name: "text" }, [name]);
  if (!TRACE_NAMES.includes(name))
    throw new RangeError(`trace "${name}" is not one of ${TRACE_NAMES.join(", ")}`);
  return unpackTrace(gunzipSync(readFileSync(inRepository("lib", "traces", `${name}.trace.gz`))));
}
