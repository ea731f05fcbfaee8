/* zset_input.c: see zset_input.h. */
#include "commands/zset_input.h"

bool dbx_zset_input_takes(uint8_t type) {
    return type == DBX_ZSET || type == DBX_SETTYPE;
}

uint64_t dbx_zset_input_count(const dbx_zset_input *input) {
    return input->k.exists ? input->k.meta.count : 0;
}

static bool is_set(const dbx_zset_input *input) {
    return input->k.exists && input->k.meta.type == DBX_SETTYPE;
}

int dbx_zset_input_find(dbx_txn *txn, const dbx_zset_input *input, dbx_slice member,
                        double *score) {
    if (!is_set(input)) return dbx_zset_score(txn, &input->k, member, score);
    bool has = false;
    int rc = dbx_set_has(txn, &input->k, member, &has);
    *score = 1;
    return rc == DBX_OK && !has ? DBX_ENOTFOUND : rc;
}

int dbx_zset_input_open(dbx_zset_input_walk *walk, dbx_txn *txn, const dbx_zset_input *input) {
    walk->is_set = is_set(input);
    if (walk->is_set) return dbx_set_walk_open(&walk->set, dbx_txn_view(txn), &input->k, 0);
    return dbx_zset_walk_at(&walk->zset, txn, &input->k, 0, false);
}

int dbx_zset_input_next(dbx_zset_input_walk *walk, dbx_zset_item *item) {
    dbx_dict_item found;
    if (!walk->is_set) return dbx_zset_walk_next(&walk->zset, item);
    int rc = dbx_set_walk_next(&walk->set, &found);
    if (rc == DBX_OK) *item = (dbx_zset_item){.score = 1, .member = found.member};
    return rc;
}

void dbx_zset_input_close(dbx_zset_input_walk *walk) {
    if (walk->is_set) {
        dbx_set_walk_close(&walk->set);
    } else {
        dbx_zset_walk_close(&walk->zset);
    }
}
