/* stream_group_args.c: see stream_group_args.h. */
#include "commands/stream_group_args.h"

void dbx_stream_group_args_none(dbx_slice key, dbx_slice name, dbx_reply *out) {
    dbx_reply_errorf(out, "NOGROUP No such key '%.*s' or consumer group '%.*s'", (int)key.len,
                     (const char *)key.ptr, (int)name.len, (const char *)name.ptr);
}

bool dbx_stream_group_args_find(dbx_ctx *ctx, const dbx_key *k, dbx_slice name,
                                dbx_stream_group *group, dbx_reply *out, int *rc) {
    *rc = dbx_stream_group_find(ctx->txn, k, name, group);
    if (*rc == DBX_OK) return true;
    if (*rc != DBX_ENOTFOUND) return false;
    dbx_stream_group_args_none(k->name, name, out);
    *rc = DBX_OK;
    return false;
}
