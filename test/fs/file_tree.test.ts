import { describe, expect, it } from "vitest";
import { makeElf } from "../../lib/fs/elf.js";
import { O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_PATH, O_TMPFILE, O_TRUNC } from "../../lib/fs/file_tree.js";
import type { VfsFile } from "../../lib/fs/inode.js";
import type { Kernel } from "../../lib/kernel/kernel.js";
import { boot } from "../../lib/kernel/machine.js";
import * as files from "../../lib/kernel/syscalls/file.js";
import { sysPrlimit } from "../../lib/kernel/syscalls/limits.js";
import { sysMmap } from "../../lib/kernel/syscalls/mm.js";
import { sysExecve, sysFork } from "../../lib/kernel/syscalls/process.js";
import type { Task } from "../../lib/kernel/task.js";
import { errnoName } from "../../lib/mm/errno.js";
import { RLIMIT_NOFILE } from "../../lib/mm/system.js";
import { pidSmaps } from "../../lib/procfs/smaps.js";
import { pidMaps } from "../../lib/procfs/task_mmu.js";

const O_DIRECTORY = 0o20_0000;
const a = (n: number): string => "a".repeat(n);

interface World {
  kernel: Kernel;
  task: Task;
  buf: number;
  open(path: string, flags?: number): number;
}

/** A machine with /o/f ("hello") and the directory /o/dir. */
function start(): World {
  const { kernel } = boot({ ram: "16 MiB" });
  const task = kernel.spawn("t");
  kernel.files.writeFile("/o/f", new TextEncoder().encode("hello"));
  kernel.files.writeFile("/o/dir/x", new Uint8Array());
  const buf = sysMmap(kernel, task, 0, 4096, 3, 0x22);
  return { kernel, task, buf, open: (path, flags = 0) => files.sysOpen(kernel, task, path, flags) };
}

/** "ok" or the name of the error. */
function said(result: number): string {
  return result >= 0 ? "ok" : errnoName(result);
}

/** What Linux 6.18 answered to open(path, flags) in a directory with a file f and a directory dir. */
const OPENED: readonly (readonly [string, number, string])[] = [
  ["/o/f", 3, "ok"],
  ["/o/f", 3 | O_APPEND, "ok"],
  ["/o/new", 3 | O_CREAT, "ok"],
  ["/o/dir", 3, "EISDIR"],
  ["/o/dir", 0, "ok"],
  ["/o/dir", 1, "EISDIR"],
  ["/o/dir", 2, "EISDIR"],
  ["/o/dir", O_CREAT, "EISDIR"],
  ["/o/dir", O_TRUNC, "EISDIR"],
  ["/o/dir", O_DIRECTORY, "ok"],
  ["/o/dir", O_DIRECTORY | 2, "EISDIR"],
  ["/o/f", O_DIRECTORY, "ENOTDIR"],
  ["/o/f", O_DIRECTORY | O_CREAT, "EINVAL"],
  ["", 0, "ENOENT"],
  ["", O_CREAT | 2, "ENOENT"],
  ["/o/none", 0, "ENOENT"],
  ["/o/none", O_EXCL | 2, "ENOENT"],
  ["/o/f/g", 0, "ENOTDIR"],
  ["/o/f/g", O_CREAT | 2, "ENOTDIR"],
  ["/o/f/", 0, "ENOTDIR"],
  ["/o/f/", O_CREAT | 2, "EISDIR"],
  ["/o/new/", O_CREAT | 2, "EISDIR"],
  ["/o/none/", 0, "ENOENT"],
  ["/o/dir/", 0, "ok"],
  ["/o/dir/", O_CREAT | 2, "EISDIR"],
  ["/o/f/.", 0, "ENOTDIR"],
  ["/o/f/..", 0, "ENOTDIR"],
  ["/o/none/../f", 0, "ENOENT"],
  ["/o/none/../f", O_CREAT, "ENOENT"],
  ["/o/dir/./../f", 0, "ok"],
  ["/o//./f", 0, "ok"],
  ["o/f", 0, "ok"],
  ["/", 0, "ok"],
  ["/", 2, "EISDIR"],
  ["/", O_CREAT, "EISDIR"],
  [".", 0, "ok"],
  [".", O_CREAT, "EISDIR"],
  ["./", O_CREAT | O_EXCL, "EEXIST"],
  ["/o/none/.", O_CREAT, "ENOENT"],
  ["/..", 0, "ok"],
  [`/o/${a(255)}`, 0, "ENOENT"],
  [`/o/${a(255)}`, O_CREAT | 2, "ok"],
  [`/o/${a(256)}`, 0, "ENAMETOOLONG"],
  [`/o/${a(256)}`, O_CREAT | 2, "ENAMETOOLONG"],
  [`/o/${"ä".repeat(127)}`, 0, "ENOENT"],
  [`/o/${"ä".repeat(128)}`, 0, "ENAMETOOLONG"],
  [`/o${"/.".repeat(2045)}/f/`, 0, "ENOTDIR"], // 4095 bytes
  [`/o${"/".repeat(4092)}f`, 0, "ok"], // 4095 bytes
  [`/o${"/".repeat(4093)}f`, 0, "ENAMETOOLONG"],
  [`/o/none/${a(300)}`, 0, "ENOENT"],
  [`/o/f/${a(300)}`, 0, "ENOTDIR"],
  [`/o/${a(300)}/f`, 0, "ENAMETOOLONG"],
  ["/o/f\0/rest", 0, "ok"],
  ["/o/f", O_CREAT | O_EXCL | 2, "EEXIST"],
  ["/o/f", O_EXCL | 2, "ok"],
  ["/o/dir", O_CREAT | O_EXCL, "EEXIST"],
  ["/o/f", O_PATH, "ok"],
  ["/o/dir", O_PATH | 2, "ok"],
  ["/o/none", O_PATH | O_CREAT, "ENOENT"],
  ["/o/f", O_PATH | O_DIRECTORY, "ENOTDIR"],
  ["/o/f", O_PATH | O_TRUNC, "ok"],
  ["/o/dir", O_TMPFILE | 2, "ok"],
  ["/o/dir", O_TMPFILE | 1, "ok"],
  ["/o/dir", O_TMPFILE | 3, "ok"],
  ["/o/dir", O_TMPFILE | 2 | O_EXCL, "ok"],
  ["/o/dir", O_TMPFILE, "EINVAL"],
  ["/o/dir", O_TMPFILE | O_TRUNC, "EINVAL"],
  ["/o/dir", O_TMPFILE | 2 | O_CREAT, "EINVAL"],
  ["/o/dir", (O_TMPFILE & ~O_DIRECTORY) | 2, "EINVAL"],
  ["/o/f", O_TMPFILE | 2, "ENOTDIR"],
  ["/o/none", O_TMPFILE | 2, "ENOENT"],
  ["/o/f", -1, "ENOTDIR"],
  ["/o/f", 4, "ok"],
  ["/o/f", 2 ** 30, "ok"],
  ["/o/f", 2 ** 31, "ok"],
];

describe("open", () => {
  it.each(OPENED)("answers %j with flags %d as Linux: %s", (path, flags, want) => {
    expect(said(start().open(path, flags))).toBe(want);
  });

  it("gives a descriptor that can neither be read nor written for access mode 3", () => {
    const { kernel, task, buf, open } = start();
    const fd = open("/o/f", 3);
    const { sysRead, sysWrite, sysPread, sysPwrite, sysLseek, sysFtruncate, sysFsync, sysFadvise } = files;
    expect(said(sysRead(kernel, task, fd, buf, 1))).toBe("EBADF");
    expect(said(sysWrite(kernel, task, fd, buf, 1))).toBe("EBADF");
    expect(said(sysPread(kernel, task, fd, buf, 1, 0))).toBe("EBADF");
    expect(said(sysPwrite(kernel, task, fd, buf, 1, -1))).toBe("EINVAL");
    expect(said(sysFtruncate(kernel, task, fd, 0))).toBe("EINVAL");
    expect(sysLseek(kernel, task, fd, 1)).toBe(1);
    expect(sysFsync(kernel, task, fd)).toBe(0);
    expect(sysFadvise(kernel, task, fd, 0, 0, 4)).toBe(0);
    for (const flags of [1, 2, 3]) expect(said(sysMmap(kernel, task, 0, 4096, 0, flags, fd))).toBe("EACCES");
    open("/o/f", 3 | O_TRUNC);
    expect(kernel.files.lookup("/o/f")!.iSize).toBe(0);
  });

  it("makes files that are only a place with O_PATH", () => {
    const { kernel, task, buf, open } = start();
    const fd = open("/o/f", O_PATH);
    expect(said(files.sysRead(kernel, task, fd, buf, 1))).toBe("EBADF");
    expect(said(files.sysLseek(kernel, task, fd, 0))).toBe("EBADF");
    expect(said(files.sysFsync(kernel, task, fd))).toBe("EBADF");
    expect(said(files.sysFadvise(kernel, task, fd, 0, 0, 4))).toBe("EBADF");
    expect(said(sysMmap(kernel, task, 0, 4096, 1, 1, fd))).toBe("EBADF");
    expect(files.sysClose(kernel, task, fd)).toBe(0);
    expect(open("/o/f", O_PATH | O_TRUNC)).toBe(fd);
    expect(kernel.files.lookup("/o/f")!.iSize).toBe(5);
  });

  it("opens a directory to be asked about, not to be read", () => {
    const { kernel, task, buf, open } = start();
    const fd = open("/o/dir");
    expect(said(files.sysRead(kernel, task, fd, buf, 1))).toBe("EISDIR");
    expect(said(files.sysPread(kernel, task, fd, buf, 1, 0))).toBe("EISDIR");
    expect(said(files.sysWrite(kernel, task, fd, buf, 1))).toBe("EBADF");
    expect(said(files.sysFtruncate(kernel, task, fd, 0))).toBe("EINVAL");
    expect(files.sysFsync(kernel, task, fd)).toBe(0);
    for (const flags of [1, 2]) expect(said(sysMmap(kernel, task, 0, 4096, 1, flags, fd))).toBe("ENODEV");
  });

  it("appends with O_APPEND, wherever the position is", () => {
    const { kernel, task, buf, open } = start();
    const fd = open("/o/f", O_APPEND | 2);
    const size = (): number => kernel.files.lookup("/o/f")!.iSize;
    expect(files.sysWrite(kernel, task, fd, buf, 2)).toBe(2);
    expect([files.sysLseek(kernel, task, fd, 0, 1), size()]).toEqual([7, 7]);
    expect(files.sysPwrite(kernel, task, fd, buf, 2, 0)).toBe(2);
    expect(size()).toBe(9);
    files.sysLseek(kernel, task, fd, 0);
    expect(files.sysWrite(kernel, task, fd, buf, 1)).toBe(1);
    expect([files.sysLseek(kernel, task, fd, 0, 1), size()]).toEqual([10, 10]);
  });

  it("finds a file by every spelling of its path, and shows the plain one", () => {
    const { kernel, task, open } = start();
    const fd = open("o//dir/../f");
    expect((task.files.get(fd) as VfsFile).inode).toBe(kernel.files.lookup("/o/f"));
    expect(task.files.get(fd)!.path).toBe("/o/f");
  });
});

describe("unlink", () => {
  it.each([
    ["/o/dir", "EISDIR"],
    ["/o/dir/", "EISDIR"],
    ["/o/f/", "ENOTDIR"],
    ["/o/f/g", "ENOTDIR"],
    ["/o/none", "ENOENT"],
    ["", "ENOENT"],
    [".", "EISDIR"],
    ["/", "EISDIR"],
    [a(256), "ENAMETOOLONG"],
    [a(5000), "ENAMETOOLONG"],
    ["o/./f", "ok"],
  ])("answers %j as Linux: %s", (path, want) => {
    const { kernel, task } = start();
    expect(said(files.sysUnlink(kernel, task, path))).toBe(want);
  });
});

describe("memfd_create", () => {
  it("takes names of up to 249 bytes", () => {
    const { kernel, task } = start();
    const made = (name: string): string => said(files.sysMemfdCreate(kernel, task, name));
    expect([made(a(249)), made(a(250)), made(""), made("ä".repeat(125))]).toEqual([
      "ok",
      "EINVAL",
      "ok",
      "EINVAL",
    ]);
  });
});

describe("RLIMIT_NOFILE", () => {
  it("is the first descriptor that there is not, and is noticed before the file is looked for", () => {
    const { kernel, task, open } = start();
    expect(sysPrlimit(task, RLIMIT_NOFILE, 5)).toBe(0);
    expect([open("/o/f"), open("/o/f"), said(open("/o/f"))]).toEqual([3, 4, "EMFILE"]);
    expect(said(files.sysMemfdCreate(kernel, task, "x"))).toBe("EMFILE");
    expect(said(open("/o/none"))).toBe("EMFILE");
    expect(said(open("/o/new", O_CREAT | 2))).toBe("EMFILE");
    expect(kernel.files.lookup("/o/new")).toBeUndefined();
    expect(said(open("/o/f", O_TRUNC | 1))).toBe("EMFILE");
    expect(kernel.files.lookup("/o/f")!.iSize).toBe(5);
    expect([said(open("")), said(open(a(5000)))]).toEqual(["ENOENT", "ENAMETOOLONG"]);
    files.sysClose(kernel, task, 3);
    expect(open("/o/f")).toBe(3);
  });

  it("is 1024 unless it is set", () => {
    const { open } = start();
    const last = Array.from({ length: 1025 }, () => open("/o/f")).slice(1020);
    expect(last.map((fd) => (fd < 0 ? errnoName(fd) : fd))).toEqual([1023, ...Array(4).fill("EMFILE")]);
  });
});

describe("O_CLOEXEC", () => {
  it("closes the descriptor at exec, in a child too, and not before", () => {
    const { kernel, task, open } = start();
    kernel.files.writeFile("/bin/t", makeElf());
    const [kept, closed] = [open("/o/f"), open("/o/f", O_CLOEXEC)];
    const child = sysFork(kernel, task) as Task;
    expect(child.files.get(closed)).toBeDefined();
    for (const one of [task, child]) {
      expect(sysExecve(kernel, one, "/bin/t", ["t"], [])).toBe(0);
      expect([one.files.get(kept) !== undefined, one.files.get(closed)]).toEqual([true, undefined]);
    }
  });
});

describe("sizes of files", () => {
  const TOP = 2 ** 44 - 4096;
  it("end at 2^32 - 1 pages on the disk and at 2^63 - 1 bytes in memory", () => {
    const { kernel, task, buf, open } = start();
    const disk = open("/o/f", 2);
    const memory = files.sysMemfdCreate(kernel, task, "x");
    const cut = (fd: number, to: number): string => said(files.sysFtruncate(kernel, task, fd, to));
    const put = (fd: number, at: number, len = 1): number => files.sysPwrite(kernel, task, fd, buf, len, at);
    expect([TOP, TOP + 1, 2 ** 44, 2 ** 62].map((to) => cut(disk, to))).toEqual([
      "ok",
      "EFBIG",
      "EFBIG",
      "EFBIG",
    ]);
    expect([TOP + 1, 2 ** 62].map((to) => cut(memory, to))).toEqual(["ok", "ok"]);
    for (const fd of [disk, memory]) expect([cut(fd, 2 ** 63), cut(fd, -1)]).toEqual(["EINVAL", "EINVAL"]);
    for (const fd of [disk, memory]) cut(fd, 8192);
    expect([put(disk, TOP - 4, 8), said(put(disk, TOP)), put(disk, TOP, 0)]).toEqual([4, "EFBIG", 0]);
    expect(put(memory, TOP - 4, 8)).toBe(8);
    for (const fd of [disk, memory]) expect(said(put(fd, 2 ** 63 - 1024, 2048))).toBe("EINVAL");
    const seek = (fd: number, to: number): string => said(files.sysLseek(kernel, task, fd, to));
    expect([seek(disk, TOP), seek(disk, TOP + 1), seek(memory, TOP + 1)]).toEqual(["ok", "EINVAL", "ok"]);
  });
});

describe("names of mapped files", () => {
  /** Last columns of the lines of maps for mapped files. */
  function names(task: Task): string[] {
    const lines = pidMaps(task.mm!).split("\n");
    return lines.filter((line) => line.includes(" /")).map((line) => line.slice(73));
  }

  it("say (deleted) once the name is gone, and not of a new file with the same name", () => {
    const { kernel, task, open } = start();
    sysMmap(kernel, task, 0, 4096, 1, 1, open("/o/f"));
    expect(names(task)).toEqual(["/o/f"]);
    files.sysUnlink(kernel, task, "/o/f");
    expect(names(task)).toEqual(["/o/f (deleted)"]);
    expect(pidSmaps(task.mm!)).toContain(" /o/f (deleted)\n");
    sysMmap(kernel, task, 0, 4096, 1, 1, open("/o/f", O_CREAT | 2));
    expect(names(task)).toEqual(["/o/f", "/o/f (deleted)"]);
  });

  it("write a line feed as \\012, and leave blanks, tabs and backslashes alone", () => {
    const { kernel, task, open } = start();
    for (const name of ["a b", "a\nb", "a\tb", "a\\b", "a (deleted)"]) {
      const addr = sysMmap(kernel, task, 0, 4096, 1, 1, open(`/o/${name}`, O_CREAT | 2));
      const shown = name.replace("\n", "\\012");
      expect(names(task)).toEqual([`/o/${shown}`]);
      files.sysUnlink(kernel, task, `/o/${name}`);
      expect(names(task)).toEqual([`/o/${shown} (deleted)`]);
      task.mm!.mmMt.lookup(addr)!.anonName = "x";
      expect(names(task)).toEqual([]);
    }
  });

  it("call nameless memory by what it is", () => {
    const { kernel, task, open } = start();
    const fds = ["x", "n\nm", ""].map((name) => files.sysMemfdCreate(kernel, task, name));
    for (const fd of fds) sysMmap(kernel, task, 0, 4096, 1, 1, fd);
    sysMmap(kernel, task, 0, 4096, 3, 0x21);
    sysMmap(kernel, task, 0, 4096, 3, 1, open("/o/dir", O_TMPFILE | 2));
    const shown = names(task).reverse();
    expect(shown.slice(0, 4)).toEqual([
      "/memfd:x (deleted)",
      "/memfd:n\\012m (deleted)",
      "/memfd: (deleted)",
      "/dev/zero (deleted)",
    ]);
    expect(shown[4]).toMatch(/^\/o\/dir\/#\d+ \(deleted\)$/);
  });

  it("say (deleted) of a running program whose file is gone", () => {
    const { kernel, task } = start();
    kernel.files.writeFile("/bin/t", makeElf());
    sysExecve(kernel, task, "/bin/t", ["t"], []);
    files.sysUnlink(kernel, task, "/bin/t");
    expect(new Set(names(task))).toEqual(new Set(["/bin/t (deleted)"]));
    expect(task.exeFile!.path).toBe("/bin/t (deleted)");
  });
});
