/* msgpack_read.c: going through MessagePack that is all there; see msgpack_read.h. */
#include "codec/msgpack_read.h"

void dbx_msgpack_open(dbx_msgpack_reader *reader, dbx_slice bytes) {
    reader->at = bytes.ptr;
    reader->end = bytes.ptr;
    if (bytes.len > 0) reader->end += bytes.len; /* nothing may be at NULL */
    reader->owed = 0;
    reader->depth = 0;
}

/* A value has come: whatever it completes is closed. */
static void count_value(dbx_msgpack_reader *reader) {
    if (reader->depth == 0) return;
    reader->owed--;
    reader->left[reader->depth - 1]--;
    while (reader->depth > 0 && reader->left[reader->depth - 1] == 0) {
        reader->depth--;
    }
}

static int open_container(dbx_msgpack_reader *reader, uint64_t values, size_t bytes_left) {
    if (values == 0) {
        count_value(reader);
        return 1;
    }
    uint64_t owed = reader->owed + values - (reader->depth > 0);
    if (owed > bytes_left) return DBX_EINVAL;
    if (reader->depth == DBX_MSGPACK_DEPTH_MAX) return DBX_ELIMIT;
    if (reader->depth > 0) reader->left[reader->depth - 1]--; /* at 0 it closes with this one */
    reader->owed = owed;
    reader->left[reader->depth++] = values;
    return 1;
}

int dbx_msgpack_next(dbx_msgpack_reader *reader, dbx_msgpack_token *token) {
    size_t len = (size_t)(reader->end - reader->at);
    if (len == 0) return reader->owed > 0 ? DBX_EINVAL : 0;
    int head = dbx_msgpack_head(reader->at, len, token), rc = 1;
    if (head <= 0) return DBX_EINVAL;
    size_t content = 0;
    len -= (size_t)head;
    switch (token->kind) {
    case DBX_MSGPACK_IS_ARRAY:
        rc = open_container(reader, token->count, len);
        break;
    case DBX_MSGPACK_IS_MAP:
        rc = open_container(reader, 2 * (uint64_t)token->count, len);
        break;
    case DBX_MSGPACK_IS_STR:
    case DBX_MSGPACK_IS_BIN:
    case DBX_MSGPACK_IS_EXT:
        content = token->bytes.len;
        if (content > len) return DBX_EINVAL;
        count_value(reader);
        break;
    default:
        count_value(reader);
    }
    if (rc == 1) reader->at += (size_t)head + content;
    return rc;
}

int dbx_msgpack_skip(dbx_msgpack_reader *reader) {
    dbx_msgpack_token token;
    uint64_t owed = reader->owed > 0 ? reader->owed - 1 : 0;
    int rc;
    do {
        rc = dbx_msgpack_next(reader, &token);
    } while (rc == 1 && reader->owed > owed);
    return rc;
}
