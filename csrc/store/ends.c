/* ends.c: see ends.h. */
#include "store/ends.h"

#include <string.h>

static bool begins_with(dbx_slice key, const dbx_end *end) {
    return key.len >= end->prefix_len && memcmp(key.ptr, end->prefix, end->prefix_len) == 0;
}

static dbx_end *find(const dbx_ends *ends, dbx_slice prefix, bool first) {
    for (unsigned i = 0; i < ends->count; i++) {
        const dbx_end *end = &ends->of[i];
        if (end->first == first && end->prefix_len == prefix.len && begins_with(prefix, end)) {
            return (dbx_end *)(uintptr_t)end;
        }
    }
    return NULL;
}

dbx_slice dbx_ends_find(const dbx_ends *ends, dbx_slice prefix, bool first) {
    const dbx_end *end = find(ends, prefix, first);
    return end != NULL ? dbx_slice_of(end->key, end->key_len) : (dbx_slice){NULL, 0};
}

void dbx_ends_note(dbx_ends *ends, dbx_slice prefix, bool first, dbx_slice key) {
    if (prefix.len == 0 || prefix.len > DBX_ENDS_PREFIX_MAX) return;
    dbx_end *end = find(ends, prefix, first);
    if (end == NULL) {
        end = &ends->of[ends->next];
        if (ends->next == ends->count) ends->count++;
        ends->next = (ends->next + 1) % DBX_ENDS_MAX;
        end->first = first;
        end->prefix_len = (uint8_t)prefix.len;
        memcpy(end->prefix, prefix.ptr, prefix.len);
    }
    end->key_len = (uint16_t)key.len;
    memmove(end->key, key.ptr, key.len);
}

void dbx_ends_put(dbx_ends *ends, dbx_slice key) {
    for (unsigned i = 0; i < ends->count;) {
        const dbx_end *end = &ends->of[i];
        if (key.ptr[0] == end->prefix[0] && begins_with(key, end)) {
            int order = dbx_slice_cmp(key, dbx_slice_of(end->key, end->key_len));
            if (end->first ? order <= 0 : order >= 0) {
                ends->of[i] = ends->of[--ends->count];
                ends->next = ends->count;
                continue;
            }
        }
        i++;
    }
}

void dbx_ends_forget(dbx_ends *ends) {
    ends->count = ends->next = 0;
}
