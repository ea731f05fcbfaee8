/* verify_owners.c: see verify_owners.h. */
#include "store/verify_owners.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "store/format.h"

void dbx_owners_begin(dbx_owners *owners, uint64_t from) {
    owners->count = owners->last = 0;
    owners->from = from;
    owners->upto = UINT64_MAX;
    owners->sorted = false;
}

const char *dbx_owners_type(uint8_t type) {
    static const char *const names[] = {
        [DBX_STRING] = "string", [DBX_LIST] = "list", [DBX_SETTYPE] = "set",
        [DBX_ZSET] = "zset",     [DBX_HASH] = "hash", [DBX_STREAM] = "stream"};
    return type < sizeof names / sizeof *names && names[type] != NULL ? names[type] : "unknown";
}

static int by_cid(const void *a, const void *b) {
    const dbx_owner *x = a, *y = b;
    return (x->cid > y->cid) - (x->cid < y->cid);
}

/* Keeps `most` with the lowest ids; the others are left to the next walk. */
static void sort(dbx_owners *owners, dbx_report *report, size_t most) {
    size_t kept = 0;
    if (owners->count > 1) qsort(owners->all, owners->count, sizeof *owners->all, by_cid);
    for (size_t i = 0; i < owners->count; i++) {
        uint64_t cid = owners->all[i].cid;
        if (kept > 0 && cid == owners->all[kept - 1].cid) {
            dbx_report_wrong(report, "two keys share the long value %" PRIu64, cid);
        } else if (kept == most) {
            owners->upto = cid;
            break;
        } else {
            owners->all[kept++] = owners->all[i];
        }
    }
    owners->count = kept;
}

int dbx_owners_add(dbx_owners *owners, dbx_report *report, dbx_owner owner) {
    if (!dbx_owners_covers(owners, owner.cid)) return DBX_OK;
    if (owners->count == owners->max) sort(owners, report, owners->max / 2);
    if (owner.cid >= owners->upto) return DBX_OK;
    void *all = dbx_alloc_room(owners->all, &owners->cap, owners->count + 1, sizeof *owners->all);
    if (all == NULL) return DBX_ENOMEM;
    owners->all = all;
    owners->all[owners->count++] = owner;
    return DBX_OK;
}

void dbx_owners_finish(dbx_owners *owners, dbx_report *report) {
    if (!owners->sorted) sort(owners, report, owners->max);
    owners->sorted = true;
}

dbx_owner *dbx_owners_find(dbx_owners *owners, uint64_t cid) {
    const dbx_owner wanted = {.cid = cid};
    if (owners->count == 0) return NULL;
    if (owners->all[owners->last].cid == cid) return &owners->all[owners->last];
    dbx_owner *found = bsearch(&wanted, owners->all, owners->count, sizeof wanted, by_cid);
    if (found != NULL) owners->last = (size_t)(found - owners->all);
    return found;
}

void dbx_owners_settle(const dbx_owners *owners, dbx_report *report) {
    for (size_t i = 0; i < owners->count; i++) {
        const dbx_owner *o = &owners->all[i];
        const char *type = dbx_owners_type(o->type);
        if (o->type == DBX_STRING) continue; /* what is missing is zeros */
        if (o->found != o->count) {
            dbx_report_wrong(report,
                             "the %s %" PRIu64 " has %" PRIu64
                             " elements in its table and says %" PRIu64,
                             type, o->cid, o->found, o->count);
        }
        if (o->pairs != 0) {
            dbx_report_wrong(report,
                             "the %s %" PRIu64 " has %" PRIu64 " entries too %s in its index", type,
                             o->cid, (uint64_t)llabs(o->pairs), o->pairs > 0 ? "many" : "few");
        }
    }
}
