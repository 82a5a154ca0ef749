/**
 * Reading /proc texts: the numbers of smaps and status, taken out of the text as a program outside the kernel does it.
 *
 * The replay takes everything it reports from the machine's /proc files, not from the kernel's structures, so that
 * the texts are compared with the real kernel too.
 *
 * Read first: procfs/smaps.ts. Read next: report.ts.
 */

/** The smaps fields that records keep, in the order of the file. Not in Linux. */
export const SMAPS_FIELDS = [
  "Rss",
  "Pss",
  "Pss_Dirty",
  "Shared_Clean",
  "Shared_Dirty",
  "Private_Clean",
  "Private_Dirty",
  "Referenced",
  "Anonymous",
  "KSM",
  "LazyFree",
  "AnonHugePages",
  "ShmemPmdMapped",
  "FilePmdMapped",
  "Shared_Hugetlb",
  "Private_Hugetlb",
  "Swap",
  "SwapPss",
  "Locked",
] as const;

/** One block of smaps. Not in Linux. */
export interface SmapsVma {
  start: number;
  end: number;
  perm: string;
  /** Byte offset in the file. */
  offset: number;
  ino: number;
  /** kB by field name, zeros included. */
  fields: Record<string, number>;
  flags: string;
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+)/;

/** The blocks of a smaps text. Not in Linux. */
export function parseSmaps(text: string): SmapsVma[] {
  const vmas: SmapsVma[] = [];
  for (const line of text.split("\n")) {
    const header = HEADER.exec(line);
    const last = vmas[vmas.length - 1];
    if (header !== null)
      vmas.push({
        start: Number.parseInt(header[1]!, 16),
        end: Number.parseInt(header[2]!, 16),
        perm: header[3]!,
        offset: Number.parseInt(header[4]!, 16),
        ino: Number(header[5]),
        fields: {},
        flags: "",
      });
    else if (last !== undefined) readField(last, line);
  }
  return vmas;
}

function readField(vma: SmapsVma, line: string): void {
  const colon = line.indexOf(":");
  if (colon < 0) return;
  const name = line.slice(0, colon);
  const value = line.slice(colon + 1).trim();
  if (name === "VmFlags") vma.flags = value;
  else vma.fields[name] = Number.parseInt(value, 10);
}

/** The number after `key:` in a text of lines, -1 when there is none. Not in Linux. */
export function fieldOf(text: string, key: string): number {
  const match = new RegExp(`^${key}:\\s*(-?\\d+)`, "m").exec(text);
  return match === null ? -1 : Number(match[1]);
}
