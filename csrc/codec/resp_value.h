/* resp_value.h: reading RESP values: replies as a client gets them, RESP2 and RESP3.
 *
 * The reader knows nothing of what is built: it calls a table of constructors, one call a value,
 * from the outside in: open() of a container, its elements, close(). It reads incrementally,
 * without recursion, and remembers nothing of the values it has passed on; a builder keeps a stack
 * of its own. Errors have hiredis's words. Attributes (RESP3 '|') are read and dropped: nothing
 * here uses them.
 */
#ifndef DBX_CODEC_RESP_VALUE_H
#define DBX_CODEC_RESP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { DBX_VALUE_DEPTH_MAX = 128 };       /* nested containers */
#define DBX_VALUE_ELEMENTS_MAX UINT32_MAX /* elements, or pairs, of one container (hiredis's) */
#define DBX_VALUE_BULK_BYTES_MAX (SIZE_MAX / 2)

/* Each returns 0, or a negative dbx_err that ends the reading and is returned. Slices die with the
 * call. Types are RESP's type bytes. */
typedef struct dbx_value_ops {
    int (*text)(void *arg, char type,
                dbx_slice bytes); /* + - $ ! ( =, the last without its "txt:" */
    int (*integer)(void *arg, int64_t value);
    int (*real)(void *arg, double value);
    int (*boolean)(void *arg, bool value);
    int (*null)(void *arg);
    int (*open)(void *arg, char type,
                size_t count); /* * ~ > %; keys and values count alike. The count
                                  is an announcement: do not allocate for it */
    int (*close)(void *arg, char type, size_t count);
} dbx_value_ops;

typedef struct dbx_value_level {
    size_t count; /* elements in all */
    size_t left;  /* elements still to come, the one being read included */
    char type;
} dbx_value_level;

typedef struct dbx_value_reader {
    const dbx_value_ops *ops;
    void *arg;
    const char *error; /* after DBX_EINVAL: hiredis's words */
    /* private */
    size_t scanned;  /* bytes of the unfinished line known to hold no CR LF */
    size_t bulk_len; /* of the bulk being received; meaningful while bulk_type is set */
    char bulk_type;  /* 0: none */
    unsigned depth;
    unsigned dropped; /* the depth inside an attribute, 0: not in one */
    char error_text[64];
    dbx_value_level levels[DBX_VALUE_DEPTH_MAX];
} dbx_value_reader;

/* dbx_value_init makes a reader at the start of a value; it owns no memory. */
void dbx_value_init(dbx_value_reader *reader, const dbx_value_ops *ops, void *arg);

/* dbx_value_read reads on from data, which begins where the last call's consumed bytes ended.
 * Returns 1: a value is complete; 0: more is needed; DBX_EINVAL: not RESP, see error; or what a
 * constructor returned. *consumed bytes are done with in every case. After a failure the reader
 * needs another init. */
int dbx_value_read(dbx_value_reader *reader, const uint8_t *data, size_t len, size_t *consumed);

/* dbx_value_wants is how many bytes must at least be there for the next call to get anywhere; 0:
 * unknown. */
size_t dbx_value_wants(const dbx_value_reader *reader);

/* dbx_value_is_key says within a constructor whether the value is a key of a map. */
static inline bool dbx_value_is_key(const dbx_value_reader *reader) {
    if (reader->depth == 0) return false;
    const dbx_value_level *level = &reader->levels[reader->depth - 1];
    return level->type == '%' && level->left % 2 == 0;
}

#endif
