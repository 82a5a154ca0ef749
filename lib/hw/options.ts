/**
 * Options as people write them: `mmap("64 KiB", { shared: true })`. A name that does not exist is refused,
 * because a misspelt option that is silently left out (`{ share: true }`) makes a machine that is not the one
 * that was meant.
 *
 *   checkOptions("mmap", { share: true }, ["prot", "shared"])
 *     RangeError: mmap has no option "share"; did you mean "shared"? It has prot, shared
 *
 * Every function that takes an object of options calls `checkOptions` first, before anything is done.
 */

/**
 * The names of the fields of `T`, as a list to check against; the compiler refuses a name that T does not
 * have.
 */
export type OptionNames<T> = readonly (keyof T & string)[];

/**
 * `options`, when it is an object that has no field but those of `known`. TypeError for anything but an
 * object, RangeError for an unknown name, both naming the value. `of` says whose options they are, as the
 * caller wrote it. Not in Linux: a helper of the machine.
 */
export function checkOptions<T extends object>(of: string, options: T, known: OptionNames<T>): T {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(
      `${of} takes its options as an object such as { ${known[0]}: ... }, not ${valueText(options)}`,
    );
  for (const name of Object.keys(options)) {
    if ((known as readonly string[]).includes(name)) continue;
    const near = nearestName(name, known);
    const hint = near === undefined ? "" : ` did you mean "${near}"?`;
    throw new RangeError(`${of} has no option "${name.slice(0, 40)}";${hint} it has ${known.join(", ")}`);
  }
  return options;
}

/**
 * The name of `known` that is written almost like `name`, if there is one. Not in Linux: a helper of the
 * machine.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase().slice(0, 40);
  let best: string | undefined;
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, drop or change to make one text of the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

/**
 * Any value in at most 40 characters, for a message that names it. Never throws. Not in Linux: a helper of
 * the machine.
 */
export function valueText(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 36 ? `${value.slice(0, 36)}...` : value);
  if (typeof value === "function")
    return value.name === "" ? "a function" : `the function ${value.name.slice(0, 30)}`;
  if (typeof value === "bigint") return `${value}n`.slice(0, 40);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value !== "object" || value === null) return String(value).slice(0, 40);
  const keys = Object.keys(value);
  const shown = keys.slice(0, 3).map((key) => key.slice(0, 12));
  return keys.length === 0
    ? "an empty object"
    : `an object with ${shown.join(", ")}${keys.length > 3 ? ", ..." : ""}`;
}
