/* lzf.h: unpacking LZF, with which Redis compresses strings in DUMP payloads, a part at a time: so
 * that a long value goes into its chunks without ever being in memory as a whole. */
#ifndef DBX_CODEC_LZF_H
#define DBX_CODEC_LZF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    DBX_LZF_WINDOW = 8192, /* how far back what is repeated may lie */
    DBX_LZF_RATIO_MAX = 88 /* three bytes become 264 at most */
};

typedef struct dbx_lzf {
    dbx_slice in;   /* not owned */
    size_t literal; /* bytes still to be copied from `in`, */
    size_t repeat;  /* or from `back` bytes ago */
    size_t back;
    uint64_t given; /* bytes ever */
    uint8_t window[DBX_LZF_WINDOW];
} dbx_lzf;

/* dbx_lzf_open begins to unpack `in`, which must outlive it. */
void dbx_lzf_open(dbx_lzf *lzf, dbx_slice in);
/* dbx_lzf_read unpacks exactly `n` more bytes; false: `in` is damaged, or has less. */
bool dbx_lzf_read(dbx_lzf *lzf, uint8_t *out, size_t n);
/* dbx_lzf_ended: everything was unpacked. */
bool dbx_lzf_ended(const dbx_lzf *lzf);

#endif
