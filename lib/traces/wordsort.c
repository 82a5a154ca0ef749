/* Sorts and counts words: a small program with code, heap, stack and a file-like buffer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
int main(void) {
  enum { WORDS = 6000 };
  char **words = malloc(WORDS * sizeof *words);
  unsigned x = 12345;
  for (int i = 0; i < WORDS; i++) {
    words[i] = malloc(16);
    x = x * 1103515245u + 12345u;
    snprintf(words[i], 16, "w%u", (x >> 16) % 1000);
  }
  qsort(words, WORDS, sizeof *words, cmp);
  int distinct = 0;
  for (int i = 0; i < WORDS; i++) if (i == 0 || strcmp(words[i], words[i - 1])) distinct++;
  printf("%d\n", distinct);
  return 0;
}
