/* zset_input.c: see zset_input.h. */
#include "commands/zset_input.h"

bool dbx_zset_input_takes(uint8_t type) {
    return type == DBX_ZSET;
}

uint64_t dbx_zset_input_count(const dbx_zset_input *input) {
    return input->k.exists ? input->k.meta.count : 0;
}

int dbx_zset_input_find(dbx_txn *txn, const dbx_zset_input *input, dbx_slice member,
                        double *score) {
    return dbx_zset_score(txn, &input->k, member, score);
}

int dbx_zset_input_open(dbx_zset_input_walk *walk, dbx_txn *txn, const dbx_zset_input *input) {
    return dbx_zset_walk_at(&walk->zset, txn, &input->k, 0, false);
}

int dbx_zset_input_next(dbx_zset_input_walk *walk, dbx_zset_item *item) {
    return dbx_zset_walk_next(&walk->zset, item);
}

void dbx_zset_input_close(dbx_zset_input_walk *walk) {
    dbx_zset_walk_close(&walk->zset);
}
