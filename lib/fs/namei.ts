/**
 * Paths: from a text to the place in the file tree that it names.
 *
 *   "/data/../bin//tiny"  --getname-->  a text that the kernel takes       ENOENT ""   ENAMETOOLONG 4096 bytes and more
 *                         --walkPath->  component by component             ENAMETOOLONG a name of more than 255 bytes
 *                              |                                           ENOTDIR a file where a directory must be
 *                              v                                           ENOENT nothing there
 *                       { path: "/bin/tiny", trailing slash, kind of the last component }
 *
 * The order counts for what a caller sees: a missing directory is noticed before an overlong name behind it.
 *
 * Directories have no contents of their own here. One exists from the start (/, /dev, /dev/shm, /tmp, /proc,
 * /sys) or since it or a file in it was made. Differs from Linux: making a file makes the directories on the
 * way too.
 *
 * Left out: symbolic links, permissions, mount points, the working directory (a relative path starts at /).
 *
 * Linux fs/namei.c. Read next: file_tree.ts.
 */
import { ENAMETOOLONG, ENOENT, ENOTDIR } from "../mm/errno.js";

/** Bytes of a path, with the zero at its end. Linux include/uapi/linux/limits.h */
export const PATH_MAX = 4096;
/** Bytes of one name in a path. */
export const NAME_MAX = 255;

/** What a path can lead to. */
export type PathKind = "file" | "directory" | "none";

/** Where a path leads. Linux fs/namei.c:struct nameidata */
export interface WalkedPath {
  /** The place, without ".", ".." and doubled slashes: "/data/f". */
  readonly path: string;
  /** The last component is a name, not "/", "." or "..". Linux LAST_NORM */
  readonly norm: boolean;
  /** Slashes follow the last name, so it must be a directory. */
  readonly trailingSlash: boolean;
  readonly kind: PathKind;
}

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8, as a program would pass it. Not in Linux. */
export function textBytes(text: string): number {
  return encoder.encode(text).length;
}

/** A text ends at its first zero. Not in Linux: a string ends there in C. */
export function cText(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** The path as the kernel takes it over, or a negative errno. Linux fs/namei.c:getname_flags() */
export function getname(text: string): string | number {
  const path = cText(text);
  if (path === "") return -ENOENT;
  return textBytes(path) >= PATH_MAX ? -ENAMETOOLONG : path;
}

/**
 * Follows `path`; `kindOf` says what is at a place. A missing directory is -ENOENT unless `create` is set.
 * The place, or a negative errno.
 * Linux fs/namei.c:link_path_walk(), walk_component()
 */
export function walkPath(
  path: string,
  kindOf: (place: string) => PathKind,
  create = false,
): WalkedPath | number {
  const components = path.split("/").filter((name) => name !== "");
  const parts: string[] = [];
  const place = (): string => `/${parts.join("/")}`;
  let norm = false;
  for (const name of components) {
    const kind = parts.length === 0 ? "directory" : kindOf(place());
    if (kind === "file") return -ENOTDIR;
    norm = name !== "." && name !== "..";
    if (kind === "none" && !(create && norm)) return -ENOENT;
    if (name === "..") parts.pop();
    if (!norm) continue;
    if (textBytes(name) > NAME_MAX) return -ENAMETOOLONG;
    parts.push(name);
  }
  const at = place();
  const kind = parts.length === 0 ? "directory" : kindOf(at);
  return { path: at, norm, trailingSlash: norm && path.endsWith("/"), kind };
}
