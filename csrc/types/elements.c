/* elements.c: see elements.h. */
#include "types/elements.h"

bool dbx_elements_has(uint8_t type) {
    return type == DBX_LIST || type == DBX_SETTYPE || type == DBX_ZSET;
}

int dbx_elements_open(dbx_elements *e, dbx_txn *txn, const dbx_key *k, uint64_t skip, bool back) {
    int rc = DBX_OK;
    uint64_t last = k->exists ? k->meta.count - 1 : 0;
    e->type = k->exists ? k->meta.type : 0;
    if (e->type == DBX_LIST) {
        rc = dbx_list_walk_open(&e->walk.list, dbx_txn_view(txn), k, back, skip);
    } else if (e->type == DBX_SETTYPE) {
        rc = dbx_set_walk_open(&e->walk.set, dbx_txn_view(txn), k, 0);
    } else if (e->type == DBX_ZSET) {
        rc = dbx_zset_walk_at(&e->walk.zset, txn, k, back ? last - skip : skip, back);
    }
    if (rc != DBX_OK) e->type = 0;
    return rc;
}

int dbx_elements_next(dbx_elements *e, dbx_cell *element) {
    dbx_list_item list;
    dbx_dict_item set;
    dbx_zset_item zset;
    int rc = DBX_ENOTFOUND;
    if (e->type == DBX_LIST) {
        rc = dbx_list_walk_next(&e->walk.list, &list);
        if (rc == DBX_OK) *element = list.cell;
    } else if (e->type == DBX_SETTYPE) {
        rc = dbx_set_walk_next(&e->walk.set, &set);
        if (rc == DBX_OK) *element = set.member;
    } else if (e->type == DBX_ZSET) {
        rc = dbx_zset_walk_next(&e->walk.zset, &zset);
        if (rc == DBX_OK) *element = zset.member;
    }
    return rc;
}

void dbx_elements_close(dbx_elements *e) {
    if (e->type == DBX_LIST) dbx_list_walk_close(&e->walk.list);
    if (e->type == DBX_SETTYPE) dbx_set_walk_close(&e->walk.set);
    if (e->type == DBX_ZSET) dbx_zset_walk_close(&e->walk.zset);
    e->type = 0;
}
