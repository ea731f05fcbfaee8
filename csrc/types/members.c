/* members.c: see members.h. */
#include "types/members.h"

#include "types/t_hash.h"
#include "types/t_zset.h"

static dbx_dict dict_of(const dbx_key *k) {
    uint8_t table = DBX_TABLE_SET;
    if (k->meta.type == DBX_HASH) table = DBX_TABLE_HASH;
    if (k->meta.type == DBX_ZSET) table = DBX_TABLE_SCORE;
    return (dbx_dict){.table = table, .cid = k->meta.cid};
}

/* read_entry makes an item of an entry of the dict; DBX_ENOTFOUND: a field that has expired. */
static int read_entry(uint8_t type, uint64_t cid, dbx_times times, const dbx_dict_item *found,
                      dbx_members_item *item) {
    int rc = DBX_OK;
    *item = (dbx_members_item){.hash = found->hash, .place = found->place, .member = found->member};
    if (type == DBX_HASH) {
        dbx_expiry expiry;
        rc = dbx_hash_read_entry(found->value, cid, &item->value, &expiry);
        if (rc == DBX_OK && dbx_expiry_over(expiry, times)) rc = DBX_ENOTFOUND;
    } else if (type == DBX_ZSET) {
        if (found->value.len != DBX_SCORE_BYTES) return DBX_ECORRUPT;
        item->score = dbx_score_load(found->value.ptr);
    }
    return rc;
}

/* read_packed reads what is at the front of an inline payload, which it shortens: DBX_OK,
 * DBX_ENOTFOUND at its end, DBX_ECORRUPT. */
static int read_packed(uint8_t type, dbx_slice *packed, dbx_members_item *item) {
    *item = (dbx_members_item){.hash = 0};
    if (type == DBX_HASH) return dbx_hash_read_packed(packed, &item->member, &item->value);
    if (type == DBX_ZSET) {
        dbx_zset_item scored;
        int rc = dbx_zset_read_packed(packed, &scored);
        if (rc != DBX_OK) return rc;
        item->member = scored.member;
        item->score = scored.score;
        return DBX_OK;
    }
    if (packed->len == 0) return DBX_ENOTFOUND;
    return dbx_cell_read(packed, 0, &item->member) ? DBX_OK : DBX_ECORRUPT;
}

int dbx_members_count(dbx_txn *txn, const dbx_key *k, uint64_t *count) {
    if (k->exists && k->meta.type == DBX_HASH) return dbx_hash_len(txn, k, count);
    *count = k->exists ? k->meta.count : 0;
    return DBX_OK;
}

/* --- In order -------------------------------------------------------------------------------- */

int dbx_members_open(dbx_members *m, dbx_txn *txn, const dbx_key *k, uint64_t from_hash) {
    *m = (dbx_members){
        .type = k->meta.type, .spread = k->meta.cid != 0, .times = dbx_txn_times(txn)};
    if (m->spread) return dbx_dict_walk_open(&m->walk, dbx_txn_view(txn), dict_of(k), from_hash);
    m->packed = k->payload;
    return DBX_OK;
}

int dbx_members_next(dbx_members *m, dbx_members_item *item) {
    if (!m->spread) return read_packed(m->type, &m->packed, item);
    for (;;) {
        dbx_dict_item found;
        int rc = dbx_dict_walk_next(&m->walk, &found);
        if (rc != DBX_OK) return rc;
        rc = read_entry(m->type, m->walk.dict.cid, m->times, &found, item);
        if (rc != DBX_ENOTFOUND) return rc;
    }
}

int dbx_members_move(dbx_members *m, dbx_view *view) {
    return m->spread ? dbx_dict_walk_move(&m->walk, view) : DBX_ELIMIT;
}

void dbx_members_close(dbx_members *m) {
    if (m->spread) dbx_dict_walk_close(&m->walk);
}

/* --- At random ------------------------------------------------------------------------------- */

int dbx_draws_open(dbx_draws *d, dbx_txn *txn, const dbx_key *k) {
    *d = (dbx_draws){.type = k->meta.type, .times = dbx_txn_times(txn), .count = k->meta.count};
    if (k->meta.cid != 0) return dbx_sampler_live(txn, dict_of(k), d->count, &d->live);
    dbx_buf_add(&d->packed, k->payload.ptr, k->payload.len);
    if (!d->packed.failed) return DBX_OK;
    dbx_draws_close(d);
    return DBX_ENOMEM;
}

static int draw_packed(const dbx_draws *d, dbx_rand *rand, dbx_members_item *item) {
    dbx_slice rest = dbx_buf_slice(&d->packed);
    uint64_t n = dbx_rand_below(rand, d->count);
    int rc;
    do {
        rc = read_packed(d->type, &rest, item);
    } while (rc == DBX_OK && n-- > 0);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

int dbx_draws_next(dbx_draws *d, dbx_rand *rand, dbx_members_item *item) {
    dbx_sampler *sampler = d->live != NULL ? d->live : &d->own;
    if (d->packed.len > 0) return draw_packed(d, rand, item);
    for (;;) { /* fields whose time has come are drawn again: they are soon removed */
        dbx_dict_item found;
        int rc = dbx_sampler_draw(sampler, rand, &found);
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
        rc = read_entry(d->type, sampler->dict.cid, d->times, &found, item);
        if (rc != DBX_ENOTFOUND) return rc;
    }
}

int dbx_draws_move(dbx_draws *d, dbx_view *view) {
    if (d->live == NULL) return DBX_OK;
    dbx_dict dict = d->live->dict;
    d->live = NULL;
    return dbx_sampler_open(&d->own, view, dict, d->count);
}

void dbx_draws_close(dbx_draws *d) {
    dbx_buf_free(&d->packed);
    dbx_sampler_close(&d->own);
}
