/* key_order.h: sorting many keys that begin alike: most of them differ in the first bytes after
 * those that all share, which compare as one number. */
#ifndef DBX_STORE_KEY_ORDER_H
#define DBX_STORE_KEY_ORDER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"

/* dbx_key_shared is how many of their first `most` bytes two keys share. */
static inline size_t dbx_key_shared(dbx_slice a, dbx_slice b, size_t most) {
    size_t n = a.len < b.len ? a.len : b.len, i = 0;
    if (n > most) n = most;
    while (i < n && a.ptr[i] == b.ptr[i])
        i++;
    return i;
}

/* dbx_key_order is the number; keys with the same one must be compared. */
static inline uint64_t dbx_key_order(dbx_slice key, size_t shared) {
    uint8_t head[8] = {0};
    size_t n = key.len - shared;
    memcpy(head, key.ptr + shared, n < sizeof head ? n : sizeof head);
    return dbx_load64_be(head);
}

#endif
