/**
 * /proc/filesystems: the kinds of file systems that the kernel knows.
 *
 *   nodev   shmem-like ones, which live in memory or show kernel data; the others need a block device
 *
 * The machine has one disk file system with delayed writeback (called ext4 here, whose page cache behaviour
 * it follows), tmpfs for shared memory, and proc.
 */

/** /proc/filesystems. Linux fs/filesystems.c:filesystems_proc_show() */
export function filesystems(): string {
  return ["nodev\tsysfs", "nodev\ttmpfs", "nodev\tproc", "nodev\tdevtmpfs", "\text4"]
    .map((line) => `${line}\n`)
    .join("");
}
