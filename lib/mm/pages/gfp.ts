/**
 * GFP masks: what a caller tells the allocator about the memory it wants ("get free pages").
 *
 *   where from            __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM, __GFP_MOVABLE        (a zone, or any)
 *   how hard to try       __GFP_DIRECT_RECLAIM   free memory yourself, and wait for it
 *                         __GFP_KSWAPD_RECLAIM   wake the thread that frees memory in the background
 *                         __GFP_IO, __GFP_FS     what freeing may use: the disk, the file system
 *                         __GFP_NORETRY, __GFP_RETRY_MAYFAIL, __GFP_NOFAIL            when to give up
 *   what to do with it    __GFP_ZERO, __GFP_ACCOUNT, __GFP_NOWARN
 *
 * A caller rarely picks bits. It picks the mask of its situation:
 *
 *   GFP_ATOMIC, GFP_NOWAIT      may not wait               GFP_KERNEL            may do everything
 *   GFP_NOIO, GFP_NOFS          is itself part of I/O      GFP_HIGHUSER_MOVABLE  a page that user space will see
 *
 * Who takes memory in this kernel, and how:
 *
 *   page tables                          GFP_PGTABLE_USER
 *   anonymous page, zeroed               GFP_HIGHUSER_MOVABLE | __GFP_ZERO
 *   copy on write, shared memory         GFP_HIGHUSER_MOVABLE
 *   page cache, a fault or a read        the file's own mask (mappingGfpMask in mm/filemap/address_space.ts)
 *   page cache, a write                  with __GFP_WRITE; large folios with __GFP_NORETRY | __GFP_NOWARN
 *   page cache, readahead                with __GFP_NORETRY | __GFP_NOWARN: nobody has asked for these pages yet
 *
 * Differs from Linux: no __GFP_COMP in what callers give, since every block is one folio here.
 *
 * Linux include/linux/gfp_types.h. Read next: page_alloc.ts.
 */

/** Only from the lowest 16 MiB. Linux include/linux/gfp_types.h:__GFP_DMA */
export const __GFP_DMA = 0x01;
/** The four bits of zones. */
export const GFP_ZONEMASK = 0x0f;
/** May come from memory that the kernel cannot address all the time: a 32-bit matter. Linux __GFP_HIGHMEM */
export const __GFP_HIGHMEM = 0x02;
/** Only from the lowest 4 GiB. Linux __GFP_DMA32 */
export const __GFP_DMA32 = 0x04;
/** May be moved later. Linux __GFP_MOVABLE */
export const __GFP_MOVABLE = 0x08;
/** A cache that can be given up: a shrinker frees it. Linux __GFP_RECLAIMABLE */
export const __GFP_RECLAIMABLE = 0x10;
/** May dip into the reserves. Linux __GFP_HIGH */
export const __GFP_HIGH = 0x20;
/** May start I/O. Linux __GFP_IO */
export const __GFP_IO = 0x40;
/** May call the file system. Linux __GFP_FS */
export const __GFP_FS = 0x80;
/** Zeroed. Linux __GFP_ZERO */
export const __GFP_ZERO = 0x100;
/** May reclaim directly, and wait. Linux __GFP_DIRECT_RECLAIM */
export const __GFP_DIRECT_RECLAIM = 0x400;
/** May wake kswapd. Linux __GFP_KSWAPD_RECLAIM */
export const __GFP_KSWAPD_RECLAIM = 0x800;
/** Will be written soon, so that dirty pages should be spread over the zones. Linux __GFP_WRITE */
export const __GFP_WRITE = 0x1000;
/** Fails silently. Linux __GFP_NOWARN */
export const __GFP_NOWARN = 0x2000;
/** Tries hard but may fail. Linux __GFP_RETRY_MAYFAIL */
export const __GFP_RETRY_MAYFAIL = 0x4000;
/** Must not fail. Linux __GFP_NOFAIL */
export const __GFP_NOFAIL = 0x8000;
/** Gives up before reclaim gets expensive. Linux __GFP_NORETRY */
export const __GFP_NORETRY = 0x1_0000;
/** May use all memory: it is needed to free more. Linux __GFP_MEMALLOC */
export const __GFP_MEMALLOC = 0x2_0000;
/** Several frames as one folio. Linux __GFP_COMP */
export const __GFP_COMP = 0x4_0000;
/** May not use the last reserves, whoever asks. Linux __GFP_NOMEMALLOC */
export const __GFP_NOMEMALLOC = 0x8_0000;
/** Only from nodes that the task's cpuset allows. Linux __GFP_HARDWALL */
export const __GFP_HARDWALL = 0x10_0000;
/** Only from the node that is named. Linux __GFP_THISNODE */
export const __GFP_THISNODE = 0x20_0000;
/** Charged to the task's memory cgroup. Linux __GFP_ACCOUNT */
export const __GFP_ACCOUNT = 0x40_0000;

/**
 * Largest order that reclaim is expected to make free by chance.
 * Linux include/linux/mmzone.h:PAGE_ALLOC_COSTLY_ORDER
 */
export const PAGE_ALLOC_COSTLY_ORDER = 3;

/** Both ways of reclaim. Linux include/linux/gfp_types.h:__GFP_RECLAIM */
export const __GFP_RECLAIM = __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM;

/** May not wait, and may use the reserves: an interrupt. Linux include/linux/gfp_types.h:GFP_ATOMIC */
export const GFP_ATOMIC = __GFP_HIGH | __GFP_KSWAPD_RECLAIM;
/** The kernel's own memory. Linux GFP_KERNEL */
export const GFP_KERNEL = __GFP_RECLAIM | __GFP_IO | __GFP_FS;
/** The kernel's own memory on a process's account. Linux GFP_KERNEL_ACCOUNT */
export const GFP_KERNEL_ACCOUNT = GFP_KERNEL | __GFP_ACCOUNT;
/** May not wait, and has an answer if there is none. Linux GFP_NOWAIT */
export const GFP_NOWAIT = __GFP_KSWAPD_RECLAIM | __GFP_NOWARN;
/** May reclaim, but not by I/O: the caller is a block driver. Linux GFP_NOIO */
export const GFP_NOIO = __GFP_RECLAIM;
/** May reclaim by I/O, but not through the file system: the caller is one. Linux GFP_NOFS */
export const GFP_NOFS = __GFP_RECLAIM | __GFP_IO;
/** For a process, but read and written by the kernel too. Linux GFP_USER */
export const GFP_USER = __GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL;
/** For a process; the kernel seldom looks in. Linux GFP_HIGHUSER */
export const GFP_HIGHUSER = GFP_USER | __GFP_HIGHMEM;
/** Pages for user space that may move. Linux GFP_HIGHUSER_MOVABLE */
export const GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | __GFP_MOVABLE;
/** A huge page if one is at hand, without reclaim. Linux GFP_TRANSHUGE_LIGHT */
export const GFP_TRANSHUGE_LIGHT =
  (GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM;
/** A huge page, by direct reclaim and compaction if need be. Linux GFP_TRANSHUGE */
export const GFP_TRANSHUGE = GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM;
/** Page tables of the kernel. Linux include/asm-generic/pgalloc.h:GFP_PGTABLE_KERNEL */
export const GFP_PGTABLE_KERNEL = GFP_KERNEL | __GFP_ZERO;
/** Page tables of processes. Linux include/asm-generic/pgalloc.h:GFP_PGTABLE_USER */
export const GFP_PGTABLE_USER = GFP_PGTABLE_KERNEL | __GFP_ACCOUNT;
