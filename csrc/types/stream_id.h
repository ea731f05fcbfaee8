/* stream_id.h: the ids of a stream's entries: a time in milliseconds, and a number within it. */
#ifndef DBX_TYPES_STREAM_ID_H
#define DBX_TYPES_STREAM_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/num.h"
#include "store/format.h"

typedef struct dbx_stream_id {
    uint64_t ms, seq;
} dbx_stream_id;

#define DBX_STREAM_ID_MAX ((dbx_stream_id){UINT64_MAX, UINT64_MAX})

enum {
    DBX_STREAM_ID_BYTES_MAX = 2 * DBX_NUMBER_BYTES_MAX, /* in keys */
    DBX_STREAM_ID_TEXT_MAX = 2 * DBX_NUM_U64_TEXT_MAX + 1
};

static inline int dbx_stream_id_cmp(dbx_stream_id a, dbx_stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static inline bool dbx_stream_id_zero(dbx_stream_id id) {
    return id.ms == 0 && id.seq == 0;
}

/* dbx_stream_id_next makes *id the id after it; false: there is none, and it stays. */
bool dbx_stream_id_next(dbx_stream_id *id);
/* dbx_stream_id_prev makes *id the id before it; false: there is none, and it stays. */
bool dbx_stream_id_prev(dbx_stream_id *id);

/* dbx_stream_id_put writes an id as a part of a key, where bytes order as ids do. Returns the
 * length, at most DBX_STREAM_ID_BYTES_MAX. */
size_t dbx_stream_id_put(uint8_t *out, dbx_stream_id id);
/* dbx_stream_id_read reads one from the front of *in, which it shortens; false: damaged. */
bool dbx_stream_id_read(dbx_slice *in, dbx_stream_id *id);

/* dbx_stream_id_text writes "ms-seq"; returns the length. */
size_t dbx_stream_id_text(char out[DBX_STREAM_ID_TEXT_MAX], dbx_stream_id id);

#endif
