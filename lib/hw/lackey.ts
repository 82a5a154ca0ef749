/**
 * The reader for valgrind's lackey.
 *
 *   valgrind --tool=lackey --trace-mem=yes --log-file=prog.lk ./prog
 *
 * Lines that start with "==" are valgrind's own, and a program's output may stand between the accesses when
 * no log file was given; both are skipped. A line that starts like an access but is none is an error.
 *
 * Read first: trace.ts.
 */
import { checkArguments, checkKind } from "./signature.js";
import { type Trace, TraceBuilder } from "./trace.js";

const ACCESS = /^(?:I {2}| ([LSM]) )([0-9a-fA-F]+),(\d+)\s*$/;

/**
 * The accesses in lackey's output, given line by line. RangeError with the line's number when one cannot be
 * read.
 */
export function readLackey(lines: Iterable<string>, provenance = "valgrind lackey"): Trace {
  checkArguments("readLackey()", { lines: "iterable", provenance: "text?" }, [lines, provenance]);
  const builder = new TraceBuilder();
  let nr = 0;
  for (const line of lines) addLackeyLine(builder, line, ++nr);
  return builder.finish(provenance);
}

/** As `readLackey`, for files too large to hold: `node:readline` gives such lines. */
export async function readLackeyStream(
  lines: AsyncIterable<string>,
  provenance = "valgrind lackey",
): Promise<Trace> {
  const { [Symbol.asyncIterator]: lazy, [Symbol.iterator]: eager } = Object(lines);
  if (typeof lazy !== "function") checkKind("readLackeyStream(): lines", eager && lines, "iterable");
  checkKind("readLackeyStream(): provenance", provenance, "text");
  const builder = new TraceBuilder();
  let nr = 0;
  for await (const line of lines) addLackeyLine(builder, line, ++nr);
  return builder.finish(provenance);
}

function addLackeyLine(builder: TraceBuilder, line: string, nr: number): void {
  checkKind(`line ${nr}`, line, "text");
  if (!line.startsWith("I  ") && !/^ [LSM] /.test(line)) return;
  const match = ACCESS.exec(line);
  const sizeBytes = Number(match?.[3]);
  if (match === null || sizeBytes < 1) throw new RangeError(`line ${nr} is not an access: "${line}"`);
  builder.add((match[1] ?? "I") as "I" | "L" | "S" | "M", Number.parseInt(match[2]!, 16), sizeBytes);
}
