/* stream_args.h: arguments that the commands on streams share: ids, intervals of ids, trimming. */
#ifndef DBX_COMMANDS_STREAM_ARGS_H
#define DBX_COMMANDS_STREAM_ARGS_H

#include "commands/command.h"
#include "types/t_stream.h"

/* dbx_stream_args_id reads an id as Redis does: "ms-seq"; "ms" with `missing_seq`; "-" and "+", the
 * least and the greatest, unless `strict`; and where `seq_given` is not NULL "ms-*", of which it
 * says false. Returns false for anything else. */
bool dbx_stream_args_id(dbx_slice text, uint64_t missing_seq, bool strict, dbx_stream_id *id,
                        bool *seq_given);
/* dbx_stream_args_strict_id is the same for a strict "ms-seq" or "ms", and replies the error. */
bool dbx_stream_args_strict_id(dbx_slice text, dbx_stream_id *id, dbx_reply *out);
/* dbx_stream_args_strict_ids checks all that are left, without taking them; on failure the error is
 * replied. */
bool dbx_stream_args_strict_ids(const dbx_args *args, dbx_reply *out);
/* dbx_stream_args_start and _end read an end of an interval, "(" before it excludes it; on failure
 * the error is replied. */
bool dbx_stream_args_start(dbx_slice text, dbx_stream_id *id, dbx_reply *out);
bool dbx_stream_args_end(dbx_slice text, dbx_stream_id *id, dbx_reply *out);

/* dbx_stream_args_number reads an integer; `error` (NULL: the usual one) is replied on failure. */
bool dbx_stream_args_number(dbx_slice text, int64_t *number, const char *error, dbx_reply *out);

/* What stands between the key and the fields of XADD, or behind the key of XTRIM. */
typedef struct dbx_stream_add_args {
    bool no_mkstream;
    bool trims;
    bool approximate; /* "~" */
    bool id_given, seq_given;
    dbx_stream_id id;
    dbx_stream_trim trim;
    size_t id_at; /* of XADD's id among the arguments */
} dbx_stream_add_args;

/* dbx_stream_args_add takes them; with `xadd` up to and including the id. On failure the error is
 * replied. */
bool dbx_stream_args_add(dbx_ctx *ctx, dbx_args *args, bool xadd, dbx_stream_add_args *add,
                         dbx_reply *out);

/* dbx_stream_args_id_reply replies with an id. */
void dbx_stream_args_id_reply(dbx_stream_id id, dbx_reply *out);

#endif
