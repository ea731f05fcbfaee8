/* lookup.h: what most handlers begin and end with: finding a key of the right type, and the effects
 * that many commands come down to in the journal. */
#ifndef DBX_COMMANDS_LOOKUP_H
#define DBX_COMMANDS_LOOKUP_H

#include "commands/command.h"
#include "store/keyspace.h"
#include "types/type.h"

extern const char DBX_WRONGTYPE[]; /* the error's text */

/* dbx_lookup finds `name` in the selected database; it may hold nothing or a value of `type` (enum
 * dbx_type). Otherwise it returns false, and the handler returns *rc: WRONGTYPE was replied
 * (DBX_OK), or the store failed. */
bool dbx_lookup(dbx_ctx *ctx, dbx_slice name, uint8_t type, dbx_key *k, dbx_reply *out, int *rc);

/* dbx_lookup_any is dbx_lookup for a key that there has to be, of whatever type: otherwise null is
 * replied. */
bool dbx_lookup_any(dbx_ctx *ctx, dbx_slice name, dbx_key *k, dbx_reply *out, int *rc);

/* dbx_lookup_db reads a database number, as SELECT takes it; on failure an error is replied. */
bool dbx_lookup_db(dbx_ctx *ctx, dbx_slice text, uint32_t *db, dbx_reply *out);

/* --- Effects --------------------------------------------------------------------------------- */

/* dbx_effect_words journals a command given by its words. */
#define dbx_effect_words(ctx, ...)                                                                 \
    dbx_txn_effect((ctx)->txn, (ctx)->db,                                                          \
                   sizeof((const dbx_slice[]){__VA_ARGS__}) / sizeof(dbx_slice),                   \
                   (const dbx_slice[]){__VA_ARGS__})

/* dbx_effect_renamed journals the arguments as they came, under another command's name. */
int dbx_effect_renamed(dbx_ctx *ctx, const char *name, const dbx_args *args);
/* dbx_effect_expiry journals that the key expires then. A time to live counts from the frame's
 * time, which a replay has as well. */
int dbx_effect_expiry(dbx_ctx *ctx, dbx_slice key, dbx_expiry expiry);
/* dbx_effect_set journals a SET of a string that expires then. */
int dbx_effect_set(dbx_ctx *ctx, dbx_slice key, dbx_slice value, dbx_expiry expiry);
/* dbx_effect_remove removes the key and journals it as DEL. */
int dbx_effect_remove(dbx_ctx *ctx, dbx_key *k);

/* --- Expiry options
 * -------------------------------------------------------------------------------- */

/* dbx_expiry_of turns the argument of EX, PX, EXAT or PXAT into an expiry: `seconds` is its unit,
 * `relative` whether it counts from now. On failure an error is replied. */
bool dbx_expiry_of(dbx_ctx *ctx, dbx_slice text, bool seconds, bool relative, dbx_expiry *expiry,
                   dbx_reply *out);

#endif
