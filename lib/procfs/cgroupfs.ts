/**
 * The folders of the groups as files: cgroup2.
 *
 *   mount --> mountCgroup2: the groups appear on a folder
 *   mkdir /sys/fs/cgroup/shop, rmdir           groups come and go
 *   /sys/fs/cgroup/shop/cgroup.procs           who is in it
 *                       cgroup.controllers, cgroup.subtree_control
 *                       cgroup.events, cgroup.type, cgroup.stat
 *                       memory.*                   where the folder above hands "memory" on (memory_files.ts)
 *
 * It can be mounted on several folders: they show the same groups.
 *
 * Left out: files of other controllers, cgroup.threads as something to be written, cgroup.freeze,
 * cgroup.kill, pressure files.
 *
 * Linux kernel/cgroup/cgroup.c, fs/kernfs. Read first: kernel/cgroup.ts, file.ts. Read next: tree.ts.
 */
import type { FileTree, PseudoFs } from "../fs/file_tree.js";
import {
  type CgroupContext,
  cgroupControllers,
  cgroupIsPopulated,
  cgroupMkdir,
  cgroupProcsWrite,
  cgroupRmdir,
  cgroupSubtreeControl,
  cgroupSubtreeControlWrite,
  cgroupTasks,
} from "../kernel/cgroup.js";
import { strstrip } from "../kernel/kstrtox.js";
import { EEXIST, EINVAL, EISDIR, ENOENT } from "../mm/errno.js";
import type { Lruvec, Memcg } from "../mm/lru/lruvec.js";
import type { Cgroup } from "../mm/memcg/cgroup_types.js";
import type { ProcFile } from "./file.js";
import { MEMCG_FILES } from "./memory_files.js";

type Group = Cgroup<Lruvec>;

/** One file of every group. */
interface CgroupFile {
  readonly notOnRoot?: boolean;
  show?(context: CgroupContext, cgrp: Group): string;
  store?(context: CgroupContext, cgrp: Group, text: string): number;
}

/** Numbers, one a line, sorted. */
function numberLines(numbers: readonly number[]): string {
  return [...new Set(numbers)]
    .sort((a, b) => a - b)
    .map((number) => `${number}\n`)
    .join("");
}

/** Words in one line. Linux kernel/cgroup/cgroup.c:cgroup_print_ss_mask() */
function wordLine(words: readonly string[]): string {
  return words.length === 0 ? "" : `${words.join(" ")}\n`;
}

/** Groups below this one. Linux nr_descendants */
function nrDescendants(cgrp: Group): number {
  return [...cgrp.children.values()].reduce((sum, child) => sum + 1 + nrDescendants(child), 0);
}

/** Linux kernel/cgroup/cgroup.c:cgroup_procs_write() */
function procsWrite(context: CgroupContext, cgrp: Group, text: string): number {
  const word = strstrip(text);
  return /^\+?\d+$/.test(word) ? cgroupProcsWrite(context, cgrp, Number(word)) : -EINVAL;
}

/** By name. Linux kernel/cgroup/cgroup.c:cgroup_base_files */
const BASE_FILES: ReadonlyMap<string, CgroupFile> = new Map<string, CgroupFile>([
  ["cgroup.type", { notOnRoot: true, show: () => "domain\n" }],
  [
    "cgroup.procs",
    {
      show: (context, cgrp) => numberLines(cgroupTasks(context, cgrp).map(({ tgid }) => tgid)),
      store: procsWrite,
    },
  ],
  [
    "cgroup.threads",
    { show: (context, cgrp) => numberLines(cgroupTasks(context, cgrp).map(({ pid }) => pid)) },
  ],
  ["cgroup.controllers", { show: (_context, cgrp) => wordLine(cgroupControllers(cgrp)) }],
  [
    "cgroup.subtree_control",
    {
      show: (_context, cgrp) => wordLine(cgroupSubtreeControl(cgrp)),
      store: cgroupSubtreeControlWrite,
    },
  ],
  [
    "cgroup.events",
    {
      notOnRoot: true,
      show: (context, cgrp) => `populated ${cgroupIsPopulated(context, cgrp) ? 1 : 0}\nfrozen 0\n`,
    },
  ],
]);

/** The memory group whose files a folder has; undefined: it has none. */
function memcgFiles({ sys }: CgroupContext, cgrp: Group): Memcg | undefined {
  return cgrp.parent === undefined ? sys.memcg.root : cgrp.memcg;
}

/** What a file shows and takes, as a file that can be opened. */
function asFile(show: (() => string) | undefined, store: ((text: string) => number) | undefined): ProcFile {
  const mode = (show === undefined ? 0 : 0o444) | (store === undefined ? 0 : 0o200);
  return {
    family: "root",
    mode,
    ...(show === undefined ? { show: () => [] } : { show: () => [show()] }),
    store(text) {
      const result = store === undefined ? -EINVAL : store(text);
      return result < 0 ? result : text.length;
    },
  };
}

/** File `name` of a group; undefined if it has no such file. */
function fileOf(context: CgroupContext, cgrp: Group, name: string): ProcFile | undefined {
  const root = cgrp.parent === undefined;
  if (name === "cgroup.stat") return asFile(() => `nr_descendants ${nrDescendants(cgrp)}\n`, undefined);
  const base = BASE_FILES.get(name);
  if (base !== undefined && !(root && base.notOnRoot === true)) {
    const { show, store } = base;
    return asFile(
      show === undefined ? undefined : () => show(context, cgrp),
      store === undefined ? undefined : (text) => store(context, cgrp, text),
    );
  }
  const memcg = name.startsWith("memory.") ? memcgFiles(context, cgrp) : undefined;
  const file = MEMCG_FILES.get(name.slice("memory.".length));
  if (memcg === undefined || file === undefined || (root && file.notOnRoot)) return undefined;
  const { show, store } = file;
  return asFile(
    show === undefined ? undefined : () => show(context.sys, memcg),
    store === undefined ? undefined : (text) => store(context.sys, memcg, text),
  );
}

/** The names below a folder where it is mounted; undefined where it is not. */
function namesBelow({ sys }: CgroupContext, path: string): string[] | undefined {
  const dir = sys.cgroups.mounts.find((mount) => path === mount || path.startsWith(`${mount}/`));
  if (dir === undefined) return undefined;
  return path
    .slice(dir.length)
    .split("/")
    .filter((name) => name !== "");
}

/** The group that `names` lead to from the root. */
function walk({ sys }: CgroupContext, names: readonly string[]): Group | undefined {
  let cgrp: Group | undefined = sys.cgroups.root;
  for (const name of names) cgrp = cgrp?.children.get(name);
  return cgrp;
}

/**
 * The file at `path`; -EISDIR for a group, -ENOENT for nothing; undefined where cgroup2 is not mounted.
 * Linux fs/kernfs/dir.c:kernfs_iop_lookup()
 */
export function cgroupLookup(context: CgroupContext, path: string): ProcFile | number | undefined {
  const names = namesBelow(context, path);
  if (names === undefined) return undefined;
  if (walk(context, names) !== undefined) return -EISDIR;
  const cgrp = walk(context, names.slice(0, -1));
  if (cgrp === undefined) return -ENOENT;
  return fileOf(context, cgrp, names.at(-1)!) ?? -ENOENT;
}

/** mkdir and rmdir where cgroup2 is mounted: 0 or a negative errno; undefined where it is not. */
export function cgroupChangeDir(
  context: CgroupContext,
  what: "mkdir" | "rmdir",
  path: string,
): number | undefined {
  const names = namesBelow(context, path);
  if (names === undefined) return undefined;
  if (what === "rmdir") {
    const cgrp = walk(context, names);
    return cgrp === undefined ? -ENOENT : cgroupRmdir(context, cgrp);
  }
  const parent = walk(context, names.slice(0, -1));
  const name = names.at(-1);
  if (name === undefined) return -EEXIST;
  return parent === undefined ? -ENOENT : cgroupMkdir(context, parent, name);
}

/**
 * Shows the groups on folder `dir` from now on; 0, or -ENOENT without such a folder.
 * Linux kernel/cgroup/cgroup.c:cgroup_get_tree()
 */
export function mountCgroup2(files: FileTree, fs: PseudoFs, dir: string): number {
  if (!files.isDirectory(dir)) return -ENOENT;
  files.mounts.set(dir, fs);
  files.sys.cgroups.mounts.push(dir);
  return 0;
}

/** Paths of all files of all groups, as `find` would list them. */
export function cgroupPaths(context: CgroupContext): string[] {
  const names = [
    ...BASE_FILES.keys(),
    "cgroup.stat",
    ...[...MEMCG_FILES.keys()].map((name) => `memory.${name}`),
  ];
  const below = (dir: string, cgrp: Group): string[] => [
    ...names.filter((name) => fileOf(context, cgrp, name) !== undefined).map((name) => `${dir}/${name}`),
    ...[...cgrp.children].flatMap(([name, child]) => below(`${dir}/${name}`, child)),
  ];
  const { mounts, root } = context.sys.cgroups;
  return mounts.flatMap((dir) => below(dir, root));
}
