/* sampler.h: drawing random members of a dict, each equally likely.
 *
 * Hashes are as good as random, so members lie nearly evenly: the range of hashes is divided into
 * buckets of a few members, a bucket is drawn, and a number below what the fullest bucket has: if
 * the bucket has that many members it is the one, otherwise both are drawn again. So each member
 * has the same chance, whatever the gaps between them, as long as no bucket has more than is
 * thought of the fullest. That begins as what random hashes do not exceed and grows with what is
 * met: members that were deleted in the order of their hashes leave the rest uneven.
 *
 * What buckets have is remembered, so that most draws look at one place of the map: for the live
 * view in the store's memory, kept right by what dict.c reports; dropped when anything is undone.
 */
#ifndef DBX_TYPES_SAMPLER_H
#define DBX_TYPES_SAMPLER_H

#include "types/dict.h"

typedef struct dbx_sampler {
    dbx_view *view;
    dbx_dict dict;
    uint64_t count;   /* of the dict's members, > 0 */
    uint64_t from;    /* hashes of all members lie in [from, from + width * buckets) */
    uint64_t width;   /* of a bucket */
    uint32_t buckets; /* a power of two */
    uint32_t fullest; /* no bucket has more members, as far as is known */
    uint32_t draws;   /* up to where counting begins to pay */
    uint8_t *in;      /* owned: members in each bucket, or that they are not known; may be NULL */
} dbx_sampler;

/* dbx_sampler_open begins to draw from a view that nothing changes, of a dict of `count` > 0
 * members. */
int dbx_sampler_open(dbx_sampler *sampler, dbx_view *view, dbx_dict dict, uint64_t count);
/* dbx_sampler_draw gives a member, independent of what was drawn before, valid until the next
 * write. */
int dbx_sampler_draw(dbx_sampler *sampler, dbx_rand *rand, dbx_dict_item *item);
void dbx_sampler_close(dbx_sampler *sampler);

/* dbx_sampler_live is the sampler of the live view for a dict that has `count` > 0 members now:
 * to be drawn from before the next write. */
int dbx_sampler_live(dbx_txn *txn, dbx_dict dict, uint64_t count, dbx_sampler **sampler);
/* dbx_sampler_note hears that a member with this hash is added (1) or removed (-1). */
void dbx_sampler_note(dbx_txn *txn, dbx_dict dict, uint64_t hash, int change);

#endif
