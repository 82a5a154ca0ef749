/**
 * Texts of /proc as objects: taken out of the text that a program would read, so that object and text never
 * differ.
 *
 *   "Rss:                  12 kB"   -->  area.fields.Rss    12       sizes stay in kB, as Linux prints them
 *   "VmFlags: rd wr mr mw me ac"    -->  area.VmFlags       ["rd", "wr", ...]
 *   "State:\tS (sleeping)"          -->  status.State       "S (sleeping)"
 *   "pgfault 6798819"               -->  vmstat.pgfault     6798819
 *
 * Names are Linux's own, so `meminfo["Active(anon)"]`. The replay of recorded runs reads the machine through
 * here too: by that the texts are compared with the real kernel, not the kernel's structures.
 *
 * Not in Linux: what libproc2 and every monitoring program do. Read first: smaps.ts, array.ts.
 * Read next: procfs.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
/** The sizes of one block of smaps, in the order of the file. */
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

/** Name of a size in smaps. */
export type SmapsSize = (typeof SMAPS_FIELDS)[number];

/** What smaps says about one area, in kB; THPeligible is 0 or 1. man 5 proc_pid_smaps */
export type SmapsFields = Readonly<
  Record<"Size" | "KernelPageSize" | "MMUPageSize" | SmapsSize | "THPeligible", number>
>;

/** The sizes of smaps_rollup, in kB. man 5 proc_pid_smaps */
export type SmapsRollup = Readonly<Record<SmapsSize | "Pss_Anon" | "Pss_File" | "Pss_Shmem", number>>;

/** One line of maps. man 5 proc_pid_maps */
export interface MapsArea {
  /** First byte, and first byte after it. */
  readonly start: number;
  readonly end: number;
  /** As printed: "rw-p". */
  readonly perms: string;
  /** Page of the file at `start`: the byte offset that Linux prints, divided by 4096. */
  readonly pgoff: number;
  /** Device of the file, such as "fe:00". */
  readonly dev: string;
  /** Inode number, 0 without a file. */
  readonly ino: number;
  /** Path, or [heap], [stack], ...; "" without a name. */
  readonly name: string;
}

/** One block of smaps. man 5 proc_pid_smaps */
export interface SmapsArea extends MapsArea {
  readonly fields: SmapsFields;
  /** Two-letter names of the VMA's flags: "rd", "wr", ... */
  readonly VmFlags: readonly string[];
}

/**
 * /proc/PID/status: sizes in kB and counts as numbers, everything else as printed. A process without memory
 * has no Vm lines.
 */
export interface ProcStatus {
  readonly Name: string;
  readonly State: string;
  readonly Tgid: number;
  readonly Pid: number;
  readonly PPid: number;
  readonly Threads: number;
  readonly VmPeak?: number;
  readonly VmSize?: number;
  readonly VmLck?: number;
  readonly VmHWM?: number;
  readonly VmRSS?: number;
  readonly RssAnon?: number;
  readonly RssFile?: number;
  readonly RssShmem?: number;
  readonly VmData?: number;
  readonly VmStk?: number;
  readonly VmExe?: number;
  readonly VmLib?: number;
  readonly VmPTE?: number;
  readonly VmSwap?: number;
  readonly [name: string]: number | string | undefined;
}

/** Numbers by the names that Linux prints before them. */
export type NamedNumbers = Readonly<Record<string, number>>;

/** Free blocks of one zone: `free[order]` blocks of 2^order pages. man 5 proc_buddyinfo */
export interface BuddyinfoZone {
  readonly node: number;
  readonly zone: string;
  readonly free: readonly number[];
}

/** One zone of zoneinfo. man 5 proc_zoneinfo */
export interface ZoneinfoZone {
  readonly node: number;
  readonly zone: string;
  /** Free pages that requests for each higher zone must leave. */
  readonly protection: readonly number[];
  /**
   * Pages by name: free, min, low, high, managed, nr_free_pages, ...; in the first zone those of the node
   * too.
   */
  readonly pages: NamedNumbers;
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/;

/** An address as this library keeps it: those of the kernel's half are negative. */
function address(hex: string): number {
  return Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
}

/** One line of maps; undefined if it is none. */
function parseHeader(line: string): MapsArea | undefined {
  const match = HEADER.exec(line);
  if (match === null) return undefined;
  const [, start, end, perms, offset, dev, ino, name] = match as unknown as string[];
  return {
    start: address(start!),
    end: address(end!),
    perms: perms!,
    pgoff: Number.parseInt(offset!, 16) / PAGE_SIZE,
    dev: dev!,
    ino: Number(ino),
    name: name!,
  };
}

/** The areas of a maps text. */
export function parseMaps(text: string): MapsArea[] {
  return text.split("\n").flatMap((line) => parseHeader(line) ?? []);
}

/** The areas of a smaps text. */
export function parseSmaps(text: string): SmapsArea[] {
  const areas: (MapsArea & { fields: Record<string, number>; VmFlags: string[] })[] = [];
  for (const line of text.split("\n")) {
    const header = parseHeader(line);
    const last = areas[areas.length - 1];
    if (header !== undefined) areas.push({ ...header, fields: {}, VmFlags: [] });
    else if (last !== undefined && line.startsWith("VmFlags:"))
      last.VmFlags = line.slice(8).trim().split(" ");
    else if (last !== undefined) Object.assign(last.fields, numberOf(line));
  }
  return areas as unknown as SmapsArea[];
}

/** "Name:   12 kB" as { Name: 12 }; nothing for another line. */
function numberOf(line: string): Record<string, number> {
  const match = /^([^:]+):\s*(-?\d+)( kB)?$/.exec(line);
  return match === null ? {} : { [match[1]!]: Number(match[2]) };
}

/** The numbers of a text of lines "Name: 12 kB" or "Name: 12": meminfo, smaps_rollup. */
export function parseNumbers(text: string): NamedNumbers {
  return Object.assign({}, ...text.split("\n").map(numberOf)) as NamedNumbers;
}

/** Lines of status that are words or lists, whatever they look like. */
const STATUS_WORDS = new Set(["Name", "Umask", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"]);

/** The lines of a status text. */
export function parseStatus(text: string): ProcStatus {
  const status: Record<string, number | string> = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^([^:]+):\t?(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const number =
      !STATUS_WORDS.has(name) && !/^(Cap|Cpus|Mems)/.test(name) && /^\s*(-?\d+)( kB)?$/.exec(value);
    status[name] = number ? Number(number[1]) : value;
  }
  return status as unknown as ProcStatus;
}

/** The counters of a vmstat text. */
export function parseVmstat(text: string): NamedNumbers {
  const lines = text.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => line.split(" ")).map(([name, value]) => [name!, Number(value)]),
  );
}

/** The zones of a buddyinfo text. */
export function parseBuddyinfo(text: string): BuddyinfoZone[] {
  return [...text.matchAll(/^Node (\d+), zone +(\w+) +(.*)$/gm)].map(([, node, zone, counts]) => ({
    node: Number(node),
    zone: zone!,
    free: counts!.trim().split(/ +/).map(Number),
  }));
}

/** The zones of a zoneinfo text that have pages; it shows little of the others. */
export function parseZoneinfo(text: string): ZoneinfoZone[] {
  const [, ...parts] = text.split(/^Node (\d+), zone +(\w+)$/m);
  const zones: ZoneinfoZone[] = [];
  for (let i = 0; i < parts.length; i += 3) {
    const block = parts[i + 2]!;
    const named = [...block.matchAll(/^ +(?:pages )?(\w+) +(-?\d+)$/gm)];
    zones.push({
      node: Number(parts[i]),
      zone: parts[i + 1]!,
      protection: /protection: \((.*)\)/.exec(block)![1]!.split(", ").map(Number),
      pages: Object.fromEntries(named.map(([, name, value]) => [name!, Number(value)])),
    });
  }
  return zones.filter(({ pages }) => pages.managed! > 0);
}

/** The number after `key:` in a text of lines, -1 when there is none. Not in Linux. */
export function fieldOf(text: string, key: string): number {
  const match = new RegExp(`^${key}:\\s*(-?\\d+)`, "m").exec(text);
  return match === null ? -1 : Number(match[1]);
}
