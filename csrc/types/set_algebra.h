/* set_algebra.h: intersection, union and difference of sets of any size, member by member.
 *
 * Large sets lie in one order, that of their members' hashes. A union merges them. Of an
 * intersection or a difference one set is walked, the smallest or the first, and each of the others
 * follows: by steps where members lie close together, by a seek where they do not.
 */
#ifndef DBX_TYPES_SET_ALGEBRA_H
#define DBX_TYPES_SET_ALGEBRA_H

#include "types/t_set.h"

typedef enum dbx_set_op { DBX_SET_INTER, DBX_SET_UNION, DBX_SET_DIFF } dbx_set_op;

/* A set as it was found: readable after writes, as long as its members are. */
typedef struct dbx_set_source {
    uint64_t cid, count; /* count 0: there is no such key */
    uint8_t encoding;
    size_t packed_at, packed_len; /* of an inline one, in `packed` of the sources */
} dbx_set_source;

typedef struct dbx_set_sources {
    dbx_set_source *of; /* owned */
    size_t count, cap;
    dbx_buf packed; /* owned: payloads */
} dbx_set_sources;

/* dbx_set_sources_add adds the set of a key, or nothing if that does not exist. DBX_ENOMEM. */
int dbx_set_sources_add(dbx_set_sources *sources, const dbx_key *k);
void dbx_set_sources_free(dbx_set_sources *sources);
/* dbx_set_source_walk begins a walk over one of them. */
int dbx_set_source_walk(const dbx_set_sources *sources, size_t i, dbx_view *view,
                        dbx_set_walk *walk);

/* One set that is walked in the order of hashes. */
typedef struct dbx_set_run {
    const dbx_set_source *source; /* NULL: the inline ones of a union */
    bool open;                    /* `walk` is */
    bool on;                      /* `item` is the member it stands on */
    dbx_dict_walk walk;
    dbx_dict_item item;
} dbx_set_run;

typedef struct dbx_set_algebra {
    dbx_set_op op;
    dbx_view *view;
    const uint8_t *seed;
    const dbx_set_sources *sources;
    dbx_set_run *runs; /* owned: of a union a heap, otherwise the sets that follow `walk` */
    size_t run_count;
    bool nothing; /* the result is known to be empty */
    bool walking;
    dbx_set_walk walk; /* of an intersection or a difference */
    /* Of a union: the members of inline sets, in the order of hashes. Owned. */
    dbx_dict_item *small;
    size_t small_count, small_at;
    dbx_buf places;
} dbx_set_algebra;

/* dbx_set_algebra_open begins; `sources` must stay as they are until it is closed, which is also to
 * be done after a failure. `seed` is the database's. */
int dbx_set_algebra_open(dbx_set_algebra *a, dbx_set_op op, const dbx_set_sources *sources,
                         dbx_view *view, const uint8_t *seed);
/* dbx_set_algebra_next gives the next member of the result, each once; DBX_ENOTFOUND at the end.
 * Writes may follow, elsewhere than in the sources; they end what item points to. */
int dbx_set_algebra_next(dbx_set_algebra *a, dbx_dict_item *item);
/* dbx_set_algebra_move goes on in another view. */
int dbx_set_algebra_move(dbx_set_algebra *a, dbx_view *view);
void dbx_set_algebra_close(dbx_set_algebra *a);

#endif
