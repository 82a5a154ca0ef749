/*
 * Makes random system calls with odd arguments on a real Linux and writes down what it answered.
 *
 *   gcc -O2 -Wall -static-pie -o driver driver.c && ./driver 1 3000 > recorded.json       as root, on Linux 6.18
 *
 * Every case is a child process of its own with the same four areas and three open files (see set_up). It makes a few calls by number,
 * then stops; the parent reads its areas from /proc/PID/maps. A case in which the child died (it unmapped its own stack, say) is
 * left out. Arguments that could take much of the computer's memory are not made: see sane().
 *
 * What is not the same on every computer is written in a general form: an address that the kernel chose is 1. The areas of a case are
 * written only where they are not those that it began with.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define A 0x10000000L /* 16 private pages, the first 8 touched */
#define B 0x20000000L /* 8 pages of the memfd, shared */
#define C 0x30000000L /* 8 pages of the file, private, read-only */
#define D 0x38000000L /* 2 pages with strings and structures */
#define GAP 0x18000000L
#define PAGE 4096L
#define FILE_PATH "/dev/shm/pagewalk-file"
#define NO_PATH "/dev/shm/pagewalk-none"
#define BIG (1L << 62)
#define TOP 0x7ffffffff000L
#define MAX_CALLS 6
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t state;
static uint32_t rnd(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)((state >> 11) % n);
}

/* Places in D. */
#define S_FILE (D + 0)
#define S_NONE (D + 64)
#define S_EMPTY (D + 128)
#define S_NAME (D + 136)
#define S_LONG (D + 200) /* 300 letters */
#define S_LIMITS (D + 512) /* 6 of 16 bytes */
#define S_IOVECS (D + 640) /* 5 of 16 bytes */
#define S_HEADERS (D + 768) /* 5 of 8 bytes */
#define S_CAPS (D + 832) /* 5 of 24 bytes */
#define S_OUT (D + 4096)

static const int64_t limits[6][2] = {{0, 0}, {-1, -1}, {16384, -1}, {5, 1}, {8 << 20, 8 << 20}, {16384, 16384}};
static const int64_t iovecs[5][2] = {{A, 100}, {A + 5 * PAGE, 5000}, {GAP, 10}, {A + 16 * PAGE - 10, 100}, {A, -1}};
static const uint32_t headers[5][2] = {
    {0x20080522, 0}, {0x12345678, 0}, {0x20080522, 4194303}, {0x20080522, (uint32_t)-1}, {0x19980330, 0}};
static const uint32_t caps[5][6] = {
    {~0u, ~0u, 0, ~0u, ~0u, 0}, {0, 0, 0, 0, 0, 0}, {1 << 14, 1 << 14, 0, 0, 0, 0}, {0, ~0u, 0, 0, ~0u, 0},
    {1 << 14, 0, 0, 0, 0, 0}};

static void preset(unsigned char *d) {
  memset(d, 0, 2 * PAGE);
  strcpy((char *)d, FILE_PATH);
  strcpy((char *)d + (S_NONE - D), NO_PATH);
  strcpy((char *)d + (S_NAME - D), "a good name");
  memset(d + (S_LONG - D), 'x', 300);
  memcpy(d + (S_LIMITS - D), limits, sizeof limits);
  memcpy(d + (S_IOVECS - D), iovecs, sizeof iovecs);
  memcpy(d + (S_HEADERS - D), headers, sizeof headers);
  memcpy(d + (S_CAPS - D), caps, sizeof caps);
}

/* Values to choose from, by the letter of the argument. */
static const long ADDRS[] = {A, A, A, A + PAGE, A + 3 * PAGE, A + 7 * PAGE, A + 15 * PAGE, A + 16 * PAGE, A + 1, B, B,
    B + 2 * PAGE, B + 7 * PAGE, B + 8 * PAGE, C, C, C + 3 * PAGE, C + 4 * PAGE, GAP, GAP, GAP + PAGE, D - PAGE, 0, PAGE,
    65536, -1, -PAGE, TOP - PAGE, TOP, 1L << 47, BIG, INT64_MIN};
static const long SIZES[] = {PAGE, PAGE, 2 * PAGE, 2 * PAGE, 3 * PAGE, 5 * PAGE, 8 * PAGE, 16 * PAGE, 20 * PAGE, 0, 1, 100,
    PAGE - 1, PAGE + 1, TOP, 1L << 47, 1L << 48, BIG, INT64_MAX - PAGE + 1, INT64_MIN, -PAGE, -1};
static const long PROTS[] = {0, 1, 1, 3, 3, 3, 5, 7, 4, 2, 8, 16, -1, 0x1000000, 0x2000000, 0x3000000, 1L << 40};
static const long ADVICE[] = {0, 1, 2, 3, 4, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 102,
    103, 5, 7, 26, 99, 104, -1};
static const long REMAPS[] = {0, 1, 1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7, 7, 8, -1, (1L << 40) | 1};
static const long SYNCS[] = {0, 1, 2, 3, 4, 4, 5, 6, 7, 8, -1};
static const long LOCKS[] = {0, 0, 1, 1, 2, -1};
static const long ALLS[] = {1, 2, 3, 4, 5, 6, 7, 0, 8, -1};
static const long FDS[] = {3, 3, 3, 4, 4, 5, 5, 6, 7, -1, 999, 1 << 20, INT32_MAX};
static const long BUFS[] = {A, A, A + 3 * PAGE + 100, A + 16 * PAGE - 50, S_OUT, B, C, A + 16 * PAGE, 0, -PAGE, -1,
    1L << 47, TOP - 4, BIG};
static const long LENS[] = {0, 1, 100, 100, PAGE, 5000, 5000, 70000, 1L << 31, BIG, -1, -PAGE};
static const long POSITIONS[] = {0, 0, 1, 100, PAGE, 12000, 12388, 40000, -1, -PAGE, 1L << 40};
static const long SIZES_OF_FILES[] = {0, 1, PAGE, 5000, 12388, 20000, 40000, 1L << 40, -1, INT64_MIN};
static const long WHENCE[] = {0, 0, 1, 1, 2, 2, 9, -1};
static const long HOLES[] = {3, 3, 3, 2, 6, 0x80, 0x102, 0x103, -1};
static const long FADVICE[] = {0, 1, 2, 3, 4, 4, 5, 6, -1};
static const long PATHS[] = {S_FILE, S_FILE, S_FILE, S_NONE, S_NONE, S_EMPTY, 0, GAP, -PAGE, 1L << 47, BIG};
static const long OPENS[] = {0, 0, 1, 2, 2, O_CREAT, O_CREAT | 2, O_CREAT | O_EXCL, O_TRUNC | 1, O_CREAT | O_TRUNC | 2, 3, O_APPEND | 2, O_APPEND | 1, O_DIRECTORY, O_PATH, O_CLOEXEC, O_NOFOLLOW, O_PATH | 2, O_DIRECTORY | O_CREAT, O_TRUNC, 3 | O_TRUNC};
static const long DIRS[] = {-100, -100, -100, 3, 999, -1};
static const long NAMES[] = {S_NAME, S_NAME, S_EMPTY, S_LONG, 0, GAP, -PAGE};
static const long MEMFD[] = {0, 0, 1, 2, 3, 8, 16, 24, 32, -1};
static const long FCNTL[] = {0, 0, 3, 3, 1, 2, 1030, 18, -1, 2000};
static const long NUMBERS[] = {0, 3, 7, 20, 1023, 2000000, -1};
static const long WHO[] = {0, 0, -1, 1, 2, -2, 7};
static const long OUTS[] = {S_OUT, S_OUT, S_OUT, S_OUT + 100, 0, GAP, -PAGE, C, BIG};
static const long RESOURCES[] = {2, 2, 7, 3, 4, 5, 6, 8, 8, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16, -1};
static const long LIMITS[] = {S_LIMITS, S_LIMITS + 16, S_LIMITS + 16, S_LIMITS + 32, S_LIMITS + 48, S_LIMITS + 64,
    S_LIMITS + 80, 0, GAP, -PAGE};
static const long IDS[] = {0, 0, 1000, 1000, 1000, 1001, -1, -1};
static const long HEADERS[] = {S_HEADERS, S_HEADERS, S_HEADERS, S_HEADERS + 8, S_HEADERS + 16, S_HEADERS + 24,
    S_HEADERS + 32, 0, GAP};
static const long CAPS[] = {S_CAPS, S_CAPS + 24, S_CAPS + 48, S_CAPS + 48, S_CAPS + 72, S_CAPS + 96, 0, GAP, -PAGE};
static const long IOVECS[] = {S_IOVECS, S_IOVECS, S_IOVECS + 16, S_IOVECS + 32, S_IOVECS + 48, S_IOVECS + 64, 0, GAP};
static const long NRS[] = {0, 1, 1, 2, 2, 3, 4, 5, 1024, 1025, -1};
static const long PIDS[] = {0, 0, 0, 4194303, -1};
static const long PRCTL[] = {7, 8, 8, 15, 16, 9999, -1};
static const long PRCTL2[] = {0, 1, 2, S_NAME, S_OUT, GAP, -PAGE};
static const long OFFSETS[] = {0, 0, 0, PAGE, 2 * PAGE, 8 * PAGE, 1, -1, BIG, -PAGE, INT64_MAX - PAGE + 1, INT64_MIN};
static const long VECS[] = {S_OUT, S_OUT, S_OUT, A, C, 0, GAP, -PAGE, 1L << 47};

static long map_flags(void) {
  static const long bits[] = {MAP_FIXED, MAP_FIXED, MAP_GROWSDOWN, MAP_DENYWRITE, MAP_EXECUTABLE, MAP_LOCKED,
      MAP_NORESERVE, MAP_POPULATE, MAP_NONBLOCK, MAP_STACK, MAP_SYNC, MAP_FIXED_NOREPLACE, 0x200000, 0x4000000, MAP_32BIT, 0x80, MAP_HUGETLB};
  long flags = (long)rnd(9);
  if (rnd(4) != 0) flags = 1 + (long)rnd(2);
  if (rnd(2) != 0) flags |= MAP_ANONYMOUS;
  for (uint32_t i = rnd(3); i > 0; i--) flags |= bits[rnd(COUNT(bits))];
  return flags;
}

struct kind {
  char letter;
  const long *values;
  size_t count;
};
#define KIND(letter, values) {letter, values, COUNT(values)}
static const struct kind kinds[] = {KIND('a', ADDRS), KIND('s', SIZES), KIND('p', PROTS), KIND('v', ADVICE),
    KIND('m', REMAPS), KIND('y', SYNCS), KIND('l', LOCKS), KIND('L', ALLS), KIND('f', FDS), KIND('b', BUFS),
    KIND('n', LENS), KIND('o', POSITIONS), KIND('S', SIZES_OF_FILES), KIND('w', WHENCE), KIND('h', HOLES),
    KIND('F', FADVICE), KIND('P', PATHS), KIND('O', OPENS), KIND('d', DIRS), KIND('N', NAMES), KIND('M', MEMFD),
    KIND('c', FCNTL), KIND('#', NUMBERS), KIND('W', WHO), KIND('u', OUTS), KIND('r', RESOURCES), KIND('R', LIMITS),
    KIND('i', IDS), KIND('H', HEADERS), KIND('C', CAPS), KIND('V', IOVECS), KIND('x', NRS), KIND('I', PIDS),
    KIND('k', PRCTL), KIND('K', PRCTL2), KIND('t', OFFSETS), KIND('e', VECS)};

static long choose(char letter) {
  if (letter == 'g') return map_flags();
  if (letter == '6') return 0644;
  for (size_t i = 0; i < COUNT(kinds); i++)
    if (kinds[i].letter == letter) {
      uint32_t count = (uint32_t)kinds[i].count;
      return kinds[i].values[rnd(rnd(3) == 0 ? count : (count + 1) / 2)]; /* the sensible ones stand first */
    }
  abort();
}

struct call {
  const char *name;
  int nr;
  const char *args; /* a letter for each */
};
#define CALL(name, args) {#name, SYS_##name, args}
static const struct call memory[] = {CALL(mmap, "aspgft"), CALL(mmap, "aspgft"), CALL(mmap, "aspgft"), CALL(munmap, "as"),
    CALL(munmap, "as"), CALL(mprotect, "asp"), CALL(mprotect, "asp"), CALL(mremap, "assma"), CALL(mremap, "assma"),
    CALL(mremap, "assma"), CALL(madvise, "asv"), CALL(madvise, "asv"), CALL(mlock, "as"), CALL(mlock2, "asl"),
    CALL(munlock, "as"), CALL(msync, "asy"), CALL(mincore, "ase"), CALL(mlockall, "L"), CALL(munlockall, "")};
static const struct call files[] = {CALL(read, "fbn"), CALL(read, "fbn"), CALL(write, "fbn"), CALL(write, "fbn"),
    CALL(pread64, "fbno"), CALL(pwrite64, "fbno"), CALL(readv, "fVx"), CALL(writev, "fVx"), CALL(preadv, "fVxo"),
    CALL(pwritev, "fVxo"), CALL(lseek, "fow"), CALL(lseek, "fow"), CALL(truncate, "PS"), CALL(ftruncate, "fS"),
    CALL(fallocate, "fhoS"), CALL(fsync, "f"), CALL(fdatasync, "f"), CALL(fadvise64, "fooF"), CALL(readahead, "fon"),
    CALL(unlink, "P"), CALL(open, "PO6"), CALL(openat, "dPO6"), CALL(creat, "P6"), CALL(close, "f"), CALL(memfd_create, "NM"),
    CALL(dup, "f"), CALL(prlimit64, "IrRu"), CALL(unlinkat, "dPh"), CALL(dup2, "f#"), CALL(dup3, "f##"), CALL(fcntl, "fc#"), CALL(mmap, "aspgft"), CALL(mincore, "ase")};
static const struct call rights[] = {CALL(setuid, "i"), CALL(setuid, "i"), CALL(setgid, "i"), CALL(setreuid, "ii"),
    CALL(setregid, "ii"), CALL(setresuid, "iii"), CALL(setresgid, "iii"), CALL(getuid, ""), CALL(geteuid, ""),
    CALL(getgid, ""), CALL(getegid, ""), CALL(getresuid, "uuu"), CALL(getresgid, "uuu"), CALL(capget, "HC"),
    CALL(capset, "HC"), CALL(capset, "HC"), CALL(getrlimit, "ru"), CALL(setrlimit, "rR"), CALL(setrlimit, "rR"),
    CALL(prlimit64, "IrRu"), CALL(getrusage, "Wu"), CALL(prctl, "kK"), CALL(mlock, "as"), CALL(mlock2, "asl"),
    CALL(mmap, "aspgft"), CALL(mremap, "assma"), CALL(mlockall, "L"), CALL(mprotect, "asp"), CALL(munlock, "as")};
static const struct {
  const struct call *calls;
  size_t count;
} families[] = {{memory, COUNT(memory)}, {files, COUNT(files)}, {rights, COUNT(rights)}};

struct made {
  const struct call *call;
  long args[6];
  long result;
};

/* Nothing that would make the kernel fault in or allocate much: such a call is made harmless. */
static void sane(struct made *made, int locked) {
  long *a = made->args;
  if (made->call->nr == SYS_mmap) {
    int big = a[1] < 0 || a[1] > (1L << 20);
    if (big) a[3] &= ~(long)(MAP_POPULATE | MAP_LOCKED | MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (big && locked) a[1] = PAGE;
  }
  /* Far beyond the four areas lie the child's own, which the machine's processes do not have. */
  int far = made->call->nr == SYS_madvise || made->call->nr == SYS_msync;
  if (far && a[0] >= 0 && (a[1] > (1L << 20) || a[1] == INT64_MIN)) a[1] = PAGE;
  if (made->call->nr == SYS_mremap && locked && (a[2] < 0 || a[2] > (1L << 20))) a[2] = PAGE;
}

/* Limits as a fresh machine has them, as far as the recorder may set them; what they are then stands in the record. */
static void set_limits(void) {
  for (int i = 0; i < RLIM_NLIMITS; i++) {
    struct rlimit old, limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (i == RLIMIT_STACK) limit.rlim_cur = 8 << 20;
    if (i == RLIMIT_CORE) limit.rlim_cur = 0;
    if (i == RLIMIT_MEMLOCK) limit.rlim_cur = limit.rlim_max = 8 << 20;
    if (i == RLIMIT_NOFILE) limit.rlim_cur = 1024, limit.rlim_max = 4096;
    getrlimit(i, &old);
    if (limit.rlim_max > old.rlim_max) limit.rlim_max = old.rlim_max;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    if (setrlimit(i, &limit) != 0) abort();
    printf("%s[%ld,%ld]", i > 0 ? "," : "", (long)limit.rlim_cur, (long)limit.rlim_max);
  }
}

static void print_caps(void) {
  uint32_t header[2] = {0x20080522, 0}, sets[6];
  if (syscall(SYS_capget, header, sets) != 0) abort();
  printf("[%u,%u]", sets[1], sets[4]);
}

/* Below it only CAP_SYS_RAWIO may map. */
static long min_addr(void) {
  long addr = 0;
  FILE *file = fopen("/proc/sys/vm/mmap_min_addr", "r");
  if (file == NULL || fscanf(file, "%ld", &addr) != 1) abort();
  fclose(file);
  return addr;
}

static void set_up(unsigned char *d) {
  for (int fd = 3; fd < 64; fd++) close(fd);
  if (memfd_create("calls", 0) != 3 || ftruncate(3, 8 * PAGE) != 0) abort();
  if (open(FILE_PATH, O_RDONLY) != 4 || open(FILE_PATH, O_WRONLY) != 5) abort();
  char *a = mmap((void *)A, 16 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (int i = 0; i < 8; i++) a[i * PAGE] = (char)(i + 1);
  mmap((void *)B, 8 * PAGE, 3, MAP_SHARED | MAP_FIXED, 3, 0);
  mmap((void *)C, 8 * PAGE, 1, MAP_PRIVATE | MAP_FIXED, 4, 0);
  mmap((void *)D, 2 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memcpy((void *)D, d, 2 * PAGE);
}

static void make_file(void) {
  static char bytes[12388];
  int fd = open(FILE_PATH, O_CREAT | O_TRUNC | O_RDWR, 0666);
  if (fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes) abort();
  close(fd);
  unlink(NO_PATH);
}

/* The areas below 1 GiB; nothing where they are as in the first case, which makes no call. */
static void print_maps(pid_t pid) {
  static char first[4096];
  char path[64], line[512], text[4096] = "";
  size_t at = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "r");
  const char *comma = "";
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end, offset;
    char perm[5], name[256] = "";
    sscanf(line, "%lx-%lx %4s %lx %*s %*s %255[^\n]", &start, &end, perm, &offset, name);
    if (end > 0x40000000) continue;
    char *deleted = strstr(name, " (deleted)");
    if (deleted != NULL) *deleted = 0;
    at += (size_t)snprintf(text + at, sizeof text - at, "%s\"%lx-%lx %s %lx %s\"", comma, start, end, perm,
        offset / PAGE, name);
    comma = ",";
  }
  fclose(maps);
  if (strcmp(text, first) != 0) printf("%s", text);
  if (first[0] == 0) strcpy(first, text);
}

int main(int argc, char **argv) {
  unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
  unsigned long cases = argc > 2 ? strtoul(argv[2], NULL, 0) : 10;
  struct made *made = mmap(NULL, PAGE, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned char *d = malloc(2 * PAGE);
  preset(d);
  printf("{\"preset\":\"");
  for (int i = 0; i < PAGE / 4; i++) printf("%02x", d[i]);
  printf("\",\n\"caps\":");
  print_caps();
  printf(",\n\"minAddr\":%ld", min_addr());
  printf(",\n\"limits\":[");
  set_limits();
  printf("],\n\"cases\":[");
  const char *between = "\n";
  for (unsigned long n = 0; n < cases; n++) {
    state = seed * 1000003 + n * 7919 + 88172645463325252UL;
    for (int i = 0; i < 20; i++) rnd(2);
    unsigned family = rnd(COUNT(families));
    int nr = n == 0 ? 0 : 2 + (int)rnd(MAX_CALLS - 1), locked = 0;
    for (int i = 0; i < nr; i++) {
      made[i].call = &families[family].calls[rnd((uint32_t)families[family].count)];
      for (size_t j = 0; j < 6; j++)
        made[i].args[j] = j < strlen(made[i].call->args) ? choose(made[i].call->args[j]) : 0;
      if (made[i].call->nr == SYS_mlockall) locked = 1;
      sane(&made[i], locked);
    }
    make_file();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      set_up(d);
      for (int i = 0; i < nr; i++) {
        long *a = made[i].args;
        register long r10 asm("r10") = a[3], r8 asm("r8") = a[4], r9 asm("r9") = a[5];
        long result;
        asm volatile("syscall" : "=a"(result)
            : "a"((long)made[i].call->nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
            : "rcx", "r11", "memory");
        made[i].result = result >= 0x40000000 && made[i].call->nr != SYS_lseek ? 1 : result;
      }
      raise(SIGSTOP);
      _exit(0);
    }
    int status;
    waitpid(pid, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) continue;
    printf("%s[[", between);
    between = ",\n";
    for (int i = 0; i < nr; i++) {
      printf("%s[\"%s\"", i > 0 ? "," : "", made[i].call->name);
      for (size_t j = 0; j < strlen(made[i].call->args); j++) printf(",%ld", made[i].args[j]);
      printf(",%ld]", made[i].result);
    }
    printf("],[");
    print_maps(pid);
    printf("]]");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  printf("\n]}\n");
  unlink(FILE_PATH);
  unlink(NO_PATH);
  return 0;
}
