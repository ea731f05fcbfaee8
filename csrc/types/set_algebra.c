/* set_algebra.c: see set_algebra.h. */
#include "types/set_algebra.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { STEPS_MAX = 6 /* before a seek */ };

/* --- Sources --------------------------------------------------------------------------------- */

int dbx_set_sources_add(dbx_set_sources *sources, const dbx_key *k) {
    void *room =
        dbx_alloc_room(sources->of, &sources->cap, sources->count + 1, sizeof *sources->of);
    if (room == NULL) return DBX_ENOMEM;
    sources->of = room;
    dbx_set_source *source = &sources->of[sources->count++];
    *source = (dbx_set_source){.count = 0};
    if (!k->exists) return DBX_OK;
    *source = (dbx_set_source){.cid = k->meta.cid,
                               .count = k->meta.count,
                               .encoding = k->meta.encoding,
                               .packed_at = sources->packed.len,
                               .packed_len = k->meta.cid == 0 ? k->payload.len : 0};
    dbx_buf_add(&sources->packed, k->payload.ptr, source->packed_len);
    return sources->packed.failed ? DBX_ENOMEM : DBX_OK;
}

void dbx_set_sources_free(dbx_set_sources *sources) {
    dbx_alloc_free(sources->of);
    dbx_buf_free(&sources->packed);
    *sources = (dbx_set_sources){0};
}

static dbx_slice packed_of(const dbx_set_sources *sources, const dbx_set_source *source) {
    return dbx_slice_of(sources->packed.ptr + source->packed_at, source->packed_len);
}

static int walk_source(const dbx_set_sources *sources, const dbx_set_source *source, dbx_view *view,
                       dbx_set_walk *walk) {
    walk->spread = source->cid != 0;
    walk->packed = packed_of(sources, source);
    return walk->spread ? dbx_dict_walk_open(&walk->dict, view, dbx_set_dict(source->cid), 0)
                        : DBX_OK;
}

int dbx_set_source_walk(const dbx_set_sources *sources, size_t i, dbx_view *view,
                        dbx_set_walk *walk) {
    return walk_source(sources, &sources->of[i], view, walk);
}

/* --- Runs ------------------------------------------------------------------------------------ */

/* settled notes what a move of the run's walk gave. */
static int settled(dbx_set_run *run, int rc) {
    run->on = rc == DBX_OK;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int open_run(dbx_set_algebra *a, dbx_set_run *run) {
    int rc = dbx_dict_walk_open(&run->walk, a->view, dbx_set_dict(run->source->cid), 0);
    run->open = rc == DBX_OK;
    return rc;
}

/* run_to goes on to the first member that does not come before `place`. */
static int run_to(dbx_set_algebra *a, dbx_set_run *run, dbx_slice place) {
    int rc = DBX_OK;
    if (!run->open) {
        rc = open_run(a, run);
        return rc != DBX_OK ? rc : settled(run, dbx_dict_walk_seek(&run->walk, place, &run->item));
    }
    for (int steps = 0; rc == DBX_OK && run->on; steps++) {
        if (dbx_slice_cmp(run->item.place, place) >= 0) return DBX_OK;
        rc = settled(run, steps < STEPS_MAX ? dbx_dict_walk_next(&run->walk, &run->item)
                                            : dbx_dict_walk_seek(&run->walk, place, &run->item));
    }
    return rc;
}

/* --- Intersection and difference ------------------------------------------------------------- */

/* has says whether the set of a run has the member. */
static int has(dbx_set_algebra *a, dbx_set_run *run, const dbx_dict_item *item, bool *found) {
    const dbx_cell *member = &item->member;
    *found = false;
    if (run->source->cid == 0) { /* which has no long members */
        if (dbx_cell_is_long(member)) return DBX_OK;
        return dbx_set_packed_has(packed_of(a->sources, run->source), dbx_cell_slice(member),
                                  found);
    }
    if (!a->walk.spread) {
        return dbx_dict_has(a->view, a->seed, dbx_set_dict(run->source->cid),
                            dbx_cell_slice(member), found);
    }
    int rc = run_to(a, run, item->place);
    *found = rc == DBX_OK && run->on && dbx_slice_eq(run->item.place, item->place);
    return rc;
}

static int by_count(const void *a, const void *b) {
    const dbx_set_run *p = a, *q = b;
    uint64_t x = p->source->count, y = q->source->count;
    return (x > y) - (x < y);
}

static int by_count_down(const void *a, const void *b) {
    return by_count(b, a);
}

/* open_filter chooses the set to walk: the smallest of an intersection, the first of a difference.
 * The others are asked in the order in which a member is likely to be dropped soon. */
static int open_filter(dbx_set_algebra *a) {
    const dbx_set_source *of = a->sources->of, *walked = &of[0];
    for (size_t i = 1; i < a->sources->count; i++) {
        if (a->op == DBX_SET_INTER && of[i].count < walked->count) walked = &of[i];
    }
    a->nothing = walked->count == 0;
    for (size_t i = 0; i < a->sources->count; i++) {
        bool same = of[i].cid != 0 && of[i].cid == walked->cid;
        if (&of[i] == walked) continue;
        if (a->op == DBX_SET_DIFF && same) a->nothing = true;
        if (of[i].count > 0 && !same) a->runs[a->run_count++].source = &of[i];
    }
    if (a->nothing) return DBX_OK;
    qsort(a->runs, a->run_count, sizeof *a->runs,
          a->op == DBX_SET_INTER ? by_count : by_count_down);
    int rc = walk_source(a->sources, walked, a->view, &a->walk);
    a->walking = rc == DBX_OK;
    return rc;
}

static int next_filtered(dbx_set_algebra *a, dbx_dict_item *item) {
    bool wanted = a->op == DBX_SET_INTER;
    for (;;) {
        int rc = dbx_set_walk_next(&a->walk, item);
        bool keep = true;
        for (size_t i = 0; rc == DBX_OK && keep && i < a->run_count; i++) {
            bool found;
            rc = has(a, &a->runs[i], item, &found);
            keep = found == wanted;
        }
        if (rc != DBX_OK || keep) return rc;
    }
}

/* --- Union ----------------------------------------------------------------------------------- */

/* next_of_run goes on by one member. */
static int next_of_run(dbx_set_algebra *a, dbx_set_run *run) {
    if (run->source != NULL) return settled(run, dbx_dict_walk_next(&run->walk, &run->item));
    run->on = a->small_at < a->small_count;
    if (run->on) run->item = a->small[a->small_at++];
    return DBX_OK;
}

/* sift moves the run at `i` down to its place in the heap. */
static void sift(dbx_set_algebra *a, size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < a->run_count; child++) {
            if (dbx_slice_cmp(a->runs[child].item.place, a->runs[least].item.place) < 0)
                least = child;
        }
        if (least == i) return;
        dbx_set_run moved = a->runs[i];
        a->runs[i] = a->runs[least];
        a->runs[least] = moved;
        i = least;
    }
}

static void close_run(dbx_set_run *run) {
    if (run->open) dbx_dict_walk_close(&run->walk);
    run->open = run->on = false;
}

/* step_first goes on in the run that comes first; one that has ended leaves the heap. */
static int step_first(dbx_set_algebra *a) {
    int rc = next_of_run(a, &a->runs[0]);
    if (rc != DBX_OK) return rc;
    if (!a->runs[0].on) {
        close_run(&a->runs[0]);
        a->runs[0] = a->runs[--a->run_count];
    }
    if (a->run_count > 0) sift(a, 0);
    return DBX_OK;
}

static int next_merged(dbx_set_algebra *a, dbx_dict_item *item) {
    if (a->run_count == 0) return DBX_ENOTFOUND;
    *item = a->runs[0].item;
    int rc;
    do {
        rc = step_first(a);
    } while (rc == DBX_OK && a->run_count > 0 && dbx_slice_eq(a->runs[0].item.place, item->place));
    return rc;
}

static int by_place(const void *a, const void *b) {
    return dbx_slice_cmp(((const dbx_dict_item *)a)->place, ((const dbx_dict_item *)b)->place);
}

/* add_small keeps a member of an inline set under the place it would have in a large one. */
static int add_small(dbx_set_algebra *a, const dbx_cell *cell) {
    uint8_t place[DBX_ENCODED_KEY_MAX];
    dbx_dict_item *item = &a->small[a->small_count++];
    size_t n = dbx_dict_place(a->seed, dbx_cell_slice(cell), place);
    *item = (dbx_dict_item){.member = *cell};
    item->place = dbx_slice_of((const uint8_t *)(uintptr_t)a->places.len, n);
    dbx_buf_add(&a->places, place, n);
    return a->places.failed ? DBX_ENOMEM : DBX_OK;
}

/* sort_small makes one run of all inline sets. */
static int sort_small(dbx_set_algebra *a) {
    uint64_t total = 0;
    int rc = DBX_OK;
    for (size_t i = 0; i < a->sources->count; i++)
        total += a->sources->of[i].cid == 0 ? a->sources->of[i].count : 0;
    if (total == 0) return DBX_OK;
    a->small = dbx_alloc_zero((size_t)total, sizeof *a->small);
    if (a->small == NULL) return DBX_ENOMEM;
    for (size_t i = 0; rc == DBX_OK && i < a->sources->count; i++) {
        const dbx_set_source *source = &a->sources->of[i];
        dbx_set_walk walk = {.packed = packed_of(a->sources, source)};
        dbx_dict_item item;
        if (source->cid != 0) continue;
        while (rc == DBX_OK && (rc = dbx_set_walk_next(&walk, &item)) == DBX_OK)
            rc = a->small_count < total ? add_small(a, &item.member) : DBX_ECORRUPT;
        if (rc == DBX_ENOTFOUND) rc = DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    for (size_t i = 0; i < a->small_count; i++)
        a->small[i].place.ptr = a->places.ptr + (uintptr_t)a->small[i].place.ptr;
    qsort(a->small, a->small_count, sizeof *a->small, by_place);
    return DBX_OK;
}

static int open_union(dbx_set_algebra *a) {
    int rc = sort_small(a);
    for (size_t i = 0; rc == DBX_OK && i <= a->sources->count; i++) {
        dbx_set_run *run = &a->runs[a->run_count];
        bool small = i == a->sources->count;
        if (!small && a->sources->of[i].cid == 0) continue;
        run->source = small ? NULL : &a->sources->of[i];
        if (!small) rc = open_run(a, run);
        if (rc == DBX_OK) rc = next_of_run(a, run);
        if (rc == DBX_OK && run->on) {
            a->run_count++;
        } else {
            close_run(run);
        }
    }
    for (size_t i = a->run_count / 2; rc == DBX_OK && i-- > 0;)
        sift(a, i);
    return rc;
}

/* --- All ------------------------------------------------------------------------------------- */

int dbx_set_algebra_open(dbx_set_algebra *a, dbx_set_op op, const dbx_set_sources *sources,
                         dbx_view *view, const uint8_t *seed) {
    *a = (dbx_set_algebra){.op = op, .view = view, .seed = seed, .sources = sources};
    a->runs = dbx_alloc_zero(sources->count + 1, sizeof *a->runs);
    if (a->runs == NULL) return DBX_ENOMEM;
    return op == DBX_SET_UNION ? open_union(a) : open_filter(a);
}

int dbx_set_algebra_next(dbx_set_algebra *a, dbx_dict_item *item) {
    if (a->op == DBX_SET_UNION) return next_merged(a, item);
    return a->nothing ? DBX_ENOTFOUND : next_filtered(a, item);
}

int dbx_set_algebra_move(dbx_set_algebra *a, dbx_view *view) {
    int rc = DBX_OK;
    if (a->walking && a->walk.spread) rc = dbx_set_walk_move(&a->walk, view);
    for (size_t i = 0; rc == DBX_OK && i < a->run_count; i++) {
        dbx_set_run *run = &a->runs[i];
        if (!run->open) continue;
        if (run->on) {
            rc = dbx_dict_walk_move(&run->walk, view);
            if (rc == DBX_OK) rc = dbx_dict_walk_at(&run->walk, &run->item);
        } else { /* it has ended, and is not asked again */
            dbx_dict_walk_close(&run->walk);
            rc = open_run(a, run);
        }
    }
    a->view = view;
    return rc;
}

void dbx_set_algebra_close(dbx_set_algebra *a) {
    if (a->walking) dbx_set_walk_close(&a->walk);
    for (size_t i = 0; i < a->run_count; i++)
        close_run(&a->runs[i]);
    dbx_alloc_free(a->runs);
    dbx_alloc_free(a->small);
    dbx_buf_free(&a->places);
    *a = (dbx_set_algebra){.nothing = true};
}
