/**
 * A scenario's files, handled from outside its processes as the recorder does: each call opens the file anew.
 *
 *   create   write(2) in chunks, page p full of the byte (p * 7 + 1) & 255, then fsync
 *   state    mincore and cachestat
 *
 * Read first: host.ts. Read next: fs/file_tree.ts.
 */

import {
  type FileTree,
  fadviseDrop,
  ftruncate,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
} from "../fs/file_tree.js";
import type { VfsFile } from "../fs/inode.js";
import { PAGE_SIZE } from "../hw/address.js";
import { filemapCachestat } from "../mm/filemap/cachestat.js";
import { fput } from "../mm/mm_types.js";
import { PG_uptodate } from "../mm/pages/folio.js";
import type { FileState, HostFiles } from "./host.js";

/** HostFiles on the machine's file tree. */
export class KernelFiles implements HostFiles {
  private readonly tree: FileTree;

  constructor(tree: FileTree) {
    this.tree = tree;
  }

  /** Opens, acts, closes; a negative errno when there is no such file. */
  private with(path: string, flags: number, act: (file: VfsFile) => number): number {
    const file = this.tree.open(path, flags);
    if (typeof file === "number") return file;
    const result = act(file);
    fput(file);
    return result;
  }

  create(
    path: string,
    pages: number,
    options: { chunkPages: number; sparse: boolean; sync: boolean },
  ): number {
    this.tree.unlink(path);
    return this.with(path, O_RDWR | O_CREAT | O_TRUNC, (file) => {
      if (options.sparse) ftruncate(file, pages * PAGE_SIZE);
      else writePages(file, pages, options.chunkPages);
      return options.sync ? file.fsync() : 0;
    });
  }

  truncate(path: string, sizeBytes: number): number {
    return this.with(path, O_RDWR, (file) => ftruncate(file, sizeBytes));
  }

  fsync(path: string): number {
    return this.with(path, O_RDWR, (file) => file.fsync());
  }

  fadviseDontneed(path: string, offset: number, len: number): number {
    return this.with(path, O_RDWR, (file) => fadviseDrop(file, offset, len));
  }

  readAll(path: string, chunkBytes: number): number {
    return this.with(path, O_RDONLY, (file) => {
      const buffer = new Uint8Array(chunkBytes);
      let pos = 0;
      for (let nr = file.read(pos, buffer); nr > 0; nr = file.read(pos, buffer)) pos += nr;
      return 0;
    });
  }

  pwritePage(path: string, page: number, value: number): number {
    return this.with(path, O_RDWR, (file) => {
      const nr = file.write(page * PAGE_SIZE, new Uint8Array(PAGE_SIZE).fill(value));
      return nr < 0 ? nr : 0;
    });
  }

  preadPage(path: string, page: number): number {
    return this.with(path, O_RDONLY, (file) => {
      const buffer = new Uint8Array(PAGE_SIZE);
      const nr = file.read(page * PAGE_SIZE, buffer);
      return nr < 0 ? nr : buffer[0]!;
    });
  }

  unlink(path: string): number {
    return this.tree.unlink(path);
  }

  state(path: string): FileState | undefined {
    const inode = this.tree.lookup(path);
    if (inode === undefined) return undefined;
    const nrPages = Math.ceil(inode.iSize / PAGE_SIZE);
    const cached = [...inode.mapping.pages].filter(
      ([index, folio]) => index < nrPages && (folio.flags & PG_uptodate) !== 0,
    );
    const resident = cached.map(([index]) => index).sort((a, b) => a - b);
    const stat = filemapCachestat(inode.mapping, 0, Number.MAX_SAFE_INTEGER);
    return {
      sizeBytes: inode.iSize,
      resident,
      cache: stat.nrCache,
      dirty: stat.nrDirty,
      writeback: stat.nrWriteback,
      evicted: stat.nrEvicted,
    };
  }
}

function writePages(file: VfsFile, pages: number, chunkPages: number): void {
  for (let first = 0; first < pages; first += chunkPages) {
    const nr = Math.min(chunkPages, pages - first);
    const bytes = new Uint8Array(nr * PAGE_SIZE);
    for (let i = 0; i < nr; i++) bytes.fill((first + i) * 7 + 1, i * PAGE_SIZE, (i + 1) * PAGE_SIZE);
    file.write(first * PAGE_SIZE, bytes);
  }
}
