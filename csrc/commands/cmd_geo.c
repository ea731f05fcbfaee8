/* cmd_geo.c: places: members of sorted sets whose scores are geohashes (geohash.h). */
#include <math.h>

#include "base/alloc.h"
#include "base/num.h"
#include "commands/cmd_zset.h"
#include "commands/table.h"
#include "commands/zset_result.h"
#include "types/geohash.h"

/* --- Arguments ------------------------------------------------------------------------------- */

/* read_number takes a number, or latches an error of its own words. */
static double read_number(dbx_args *args, const char *error) {
    double value = 0;
    dbx_slice text = dbx_args_next(args);
    if (!dbx_num_real_from_slice(text, &value)) dbx_args_fail(args, error);
    return value;
}

/* read_point takes longitude and latitude; on failure the error is replied. */
static bool read_point(dbx_args *args, dbx_geo_point *point, dbx_reply *out) {
    point->longitude = dbx_args_real(args);
    point->latitude = dbx_args_real(args);
    if (!dbx_args_ok(args, out)) return false;
    if (fabs(point->longitude) <= DBX_GEO_LONGITUDE_MAX &&
        fabs(point->latitude) <= DBX_GEO_LATITUDE_MAX) {
        return true;
    }
    dbx_reply_errorf(out, "ERR invalid longitude,latitude pair %f,%f", point->longitude,
                     point->latitude);
    return false;
}

/* read_unit takes a unit: how many meters it has. */
static double read_unit(dbx_args *args) {
    if (dbx_args_word(args, "M")) return 1;
    if (dbx_args_word(args, "KM")) return 1000;
    if (dbx_args_word(args, "FT")) return 0.3048;
    if (dbx_args_word(args, "MI")) return 1609.34;
    dbx_args_fail(args, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return 1;
}

static void read_radius(dbx_args *args, dbx_geo_shape *shape) {
    shape->box = false;
    shape->radius = read_number(args, "ERR need numeric radius");
    if (shape->radius < 0) dbx_args_fail(args, "ERR radius cannot be negative");
    shape->meters = read_unit(args);
}

static void read_box(dbx_args *args, dbx_geo_shape *shape) {
    shape->box = true;
    shape->width = read_number(args, "ERR need numeric width");
    shape->height = read_number(args, "ERR need numeric height");
    if (shape->width < 0 || shape->height < 0) {
        dbx_args_fail(args, "ERR height or width cannot be negative");
    }
    shape->meters = read_unit(args);
}

/* --- Adding ---------------------------------------------------------------------------------- */

static int add_places(dbx_ctx *ctx, dbx_args *args, dbx_slice name, dbx_zset_adding *adding,
                      dbx_reply *out) {
    size_t count = dbx_args_left(args) / 3;
    const dbx_slice *members = args->argv + args->at + 2;
    double *scores = dbx_alloc_resize_array(NULL, count, sizeof *scores);
    int rc = DBX_OK;
    bool read = true;
    if (scores == NULL) return DBX_ENOMEM;
    for (size_t i = 0; read && i < count; i++) {
        dbx_geo_point point;
        read = read_point(args, &point, out);
        if (read) scores[i] = dbx_geohash_score(point);
        dbx_args_next(args);
    }
    if (read) rc = dbx_zset_add_pairs(ctx, name, count, scores, members, 3, adding, out);
    dbx_alloc_free(scores);
    return rc;
}

static int cmd_geoadd(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_zset_adding adding = {.nx = false};
    dbx_slice name = dbx_args_next(args);
    for (;;) {
        if (dbx_args_word(args, "NX")) {
            adding.nx = true;
        } else if (dbx_args_word(args, "XX")) {
            adding.xx = true;
        } else if (dbx_args_word(args, "CH")) {
            adding.ch = true;
        } else {
            break;
        }
    }
    size_t left = dbx_args_left(args);
    if (left == 0 || left % 3 != 0 || (adding.nx && adding.xx)) {
        dbx_reply_error(out, DBX_SYNTAX_ERROR);
        return DBX_OK;
    }
    return add_places(ctx, args, name, &adding, out);
}

/* --- Asking about places --------------------------------------------------------------------- */

enum { DISTANCE_TEXT_MAX = DBX_NUM_TEXT_MAX + 2 };

/* distance_text prints a distance with four decimals. */
static dbx_slice distance_text(double distance, char text[DISTANCE_TEXT_MAX]) {
    enum { DECIMALS = 4 };
    const double scale = 10000;
    long long scaled = llrint(distance * scale);
    char digits[DBX_NUM_TEXT_MAX];
    size_t n = 0, len = dbx_num_to_text(scaled < 0 ? -scaled : scaled, digits);
    if (scaled < 0) text[n++] = '-';
    for (size_t i = len < DECIMALS + 1 ? DECIMALS + 1 : len; i > 0; i--) {
        text[n++] = i > len ? '0' : digits[len - i];
        if (i == DECIMALS + 1) text[n++] = '.';
    }
    return dbx_slice_of(text, n);
}

static void reply_distance(double distance, dbx_reply *out) {
    char text[DISTANCE_TEXT_MAX];
    out->ops->bulk(out, distance_text(distance, text));
}

static void reply_point(dbx_geo_point point, dbx_reply *out) {
    out->ops->open(out, DBX_ARRAY, 2);
    out->ops->real(out, point.longitude);
    out->ops->real(out, point.latitude);
    out->ops->close(out);
}

static int cmd_geopos(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (dbx_args_left(args) > 0) {
        double score;
        rc = dbx_zset_score(ctx->txn, &k, dbx_args_next(args), &score);
        if (rc == DBX_OK) {
            reply_point(dbx_geohash_point(score), out);
        } else if (rc == DBX_ENOTFOUND) {
            out->ops->null_array(out);
        } else {
            return rc;
        }
    }
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_geohash(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (dbx_args_left(args) > 0) {
        char text[DBX_GEO_HASH_CHARS];
        double score;
        rc = dbx_zset_score(ctx->txn, &k, dbx_args_next(args), &score);
        if (rc == DBX_OK) {
            dbx_geohash_text(score, text);
            out->ops->bulk(out, dbx_slice_of(text, sizeof text));
        } else if (rc == DBX_ENOTFOUND) {
            out->ops->null(out);
        } else {
            return rc;
        }
    }
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_geodist(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    double from, to, meters = 1;
    int rc;
    dbx_slice name = dbx_args_next(args), a = dbx_args_next(args), b = dbx_args_next(args);
    if (dbx_args_left(args) == 1) meters = read_unit(args);
    if (!dbx_args_end(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    rc = dbx_zset_score(ctx->txn, &k, a, &from);
    if (rc == DBX_OK) rc = dbx_zset_score(ctx->txn, &k, b, &to);
    if (rc == DBX_ENOTFOUND) {
        out->ops->null(out);
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    double distance = dbx_geohash_distance(dbx_geohash_point(from), dbx_geohash_point(to));
    reply_distance(distance / meters, out);
    return DBX_OK;
}

/* --- Searching: arguments -------------------------------------------------------------------- */

/* What a command of this family may be told. */
typedef enum form { SEARCH, SEARCH_STORE, RADIUS, RADIUS_BY_MEMBER } form;

typedef struct search {
    form form;
    bool may_store; /* GEORADIUS: its STORE and STOREDIST */
    dbx_key *k;
    dbx_geo_shape shape;
    bool from_member, from_point, by_radius, by_box;
    bool with_dist, with_hash, with_coord;
    bool any, sorted, descending;
    int64_t count; /* 0: all */
    bool stores, stores_dist;
    dbx_slice to;
} search;

/* read_center takes the member around which is searched; a missing key has none, which is no error
 * yet. */
static int read_center(dbx_ctx *ctx, dbx_args *args, search *s) {
    double score;
    dbx_slice member = dbx_args_next(args);
    if (!s->k->exists) return DBX_OK;
    int rc = dbx_zset_score(ctx->txn, s->k, member, &score);
    if (rc == DBX_ENOTFOUND) {
        dbx_args_fail(args, "ERR could not decode requested zset member");
        return DBX_OK;
    }
    if (rc == DBX_OK) s->shape.center = dbx_geohash_point(score);
    return rc;
}

/* read_where takes what GEOSEARCH says about the place; false: it is no such word. */
static bool read_where(dbx_ctx *ctx, dbx_args *args, search *s, dbx_reply *out, int *rc) {
    size_t left = dbx_args_left(args);
    if (s->form != SEARCH && s->form != SEARCH_STORE) return false;
    if (left > 1 && dbx_args_word(args, "FROMMEMBER")) {
        s->from_member = true;
        *rc = read_center(ctx, args, s);
    } else if (left > 2 && dbx_args_word(args, "FROMLONLAT")) {
        s->from_point = true;
        if (!read_point(args, &s->shape.center, out)) *rc = DBX_ENOTFOUND;
    } else if (left > 2 && dbx_args_word(args, "BYRADIUS")) {
        s->by_radius = true;
        read_radius(args, &s->shape);
    } else if (left > 3 && dbx_args_word(args, "BYBOX")) {
        s->by_box = true;
        read_box(args, &s->shape);
    } else {
        return false;
    }
    return true;
}

static void read_count(dbx_args *args, search *s) {
    s->count = dbx_args_i64(args);
    if (s->count <= 0) dbx_args_fail(args, "ERR COUNT must be > 0");
}

/* read_option takes one of the words that are not about the place. */
static void read_option(dbx_args *args, search *s) {
    bool more = dbx_args_left(args) > 1;
    if (dbx_args_word(args, "WITHDIST")) {
        s->with_dist = true;
    } else if (dbx_args_word(args, "WITHHASH")) {
        s->with_hash = true;
    } else if (dbx_args_word(args, "WITHCOORD")) {
        s->with_coord = true;
    } else if (dbx_args_word(args, "ANY")) {
        s->any = true;
    } else if (dbx_args_word(args, "ASC")) {
        s->sorted = true;
        s->descending = false;
    } else if (dbx_args_word(args, "DESC")) {
        s->sorted = s->descending = true;
    } else if (more && dbx_args_word(args, "COUNT")) {
        read_count(args, s);
    } else if (s->may_store && more && dbx_args_word(args, "STORE")) {
        s->stores = true;
        s->stores_dist = false;
        s->to = dbx_args_next(args);
    } else if (s->may_store && more && dbx_args_word(args, "STOREDIST")) {
        s->stores = s->stores_dist = true;
        s->to = dbx_args_next(args);
    } else if (s->form == SEARCH_STORE && dbx_args_word(args, "STOREDIST")) {
        s->stores_dist = true;
    } else {
        dbx_args_fail(args, DBX_SYNTAX_ERROR);
    }
}

/* fits_together checks what was given; on failure the error is replied. */
static bool fits_together(const search *s, dbx_slice name, dbx_reply *out) {
    bool searches = s->form == SEARCH || s->form == SEARCH_STORE;
    if (s->stores && (s->with_dist || s->with_hash || s->with_coord)) {
        dbx_reply_errorf(out,
                         "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                         searches ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    } else if (searches && s->from_member == s->from_point) {
        dbx_reply_errorf(out,
                         "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s",
                         (int)name.len, (const char *)name.ptr);
    } else if (searches && s->by_radius == s->by_box) {
        dbx_reply_errorf(out, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s",
                         (int)name.len, (const char *)name.ptr);
    } else if (s->any && s->count == 0) {
        dbx_reply_error(out, "ERR the ANY argument requires COUNT argument");
    } else {
        return true;
    }
    return false;
}

/* read_search takes all that comes behind the source: DBX_ENOTFOUND when an error was replied. */
static int read_search(dbx_ctx *ctx, dbx_args *args, search *s, dbx_reply *out) {
    int rc = DBX_OK;
    if (s->form == RADIUS) {
        if (!read_point(args, &s->shape.center, out)) return DBX_ENOTFOUND;
        read_radius(args, &s->shape);
    } else if (s->form == RADIUS_BY_MEMBER && !s->k->exists) {
        args->at += 3; /* member, radius and unit may be anything */
    } else if (s->form == RADIUS_BY_MEMBER) {
        rc = read_center(ctx, args, s);
        if (rc == DBX_OK && args->error == NULL) read_radius(args, &s->shape);
    }
    while (rc == DBX_OK && args->error == NULL && dbx_args_left(args) > 0) {
        if (!read_where(ctx, args, s, out, &rc)) read_option(args, s);
    }
    if (rc != DBX_OK) return rc;
    if (!dbx_args_ok(args, out)) return DBX_ENOTFOUND;
    return fits_together(s, args->argv[0], out) ? DBX_OK : DBX_ENOTFOUND;
}

/* --- Searching ------------------------------------------------------------------------------- */

/* A place that was found: which of the result's, and how far away. */
typedef struct near {
    double distance; /* meters */
    size_t index;
} near;

typedef struct found {
    dbx_zset_result places; /* with their geohashes as scores */
    near *nears;            /* owned */
    size_t cap;
} found;

static int find_in_box(dbx_ctx *ctx, const search *s, dbx_geo_box box, found *f) {
    dbx_zset_range range = {.min = box.min, .max = box.max, .max_open = true};
    dbx_zset_walk walk;
    dbx_zset_item item;
    int rc = dbx_zset_walk_in(&walk, ctx->txn, s->k, &range, false);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_zset_walk_next(&walk, &item)) == DBX_OK) {
        double distance;
        if (!dbx_geohash_within(&s->shape, dbx_geohash_point(item.score), &distance)) continue;
        size_t n = f->places.count;
        void *room = dbx_alloc_room(f->nears, &f->cap, n + 1, sizeof *f->nears);
        rc = room == NULL ? DBX_ENOMEM
                          : dbx_zset_result_add(&f->places, ctx->txn, &item.member, item.score);
        if (room != NULL) f->nears = room;
        if (rc != DBX_OK) break;
        f->nears[n] = (near){distance, n};
        if (s->any && f->places.count >= (size_t)s->count) break;
    }
    dbx_zset_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int by_distance(const void *a, const void *b) {
    const near *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_distance_down(const void *a, const void *b) {
    const near *x = a, *y = b;
    if (x->distance != y->distance) return x->distance > y->distance ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int find_places(dbx_ctx *ctx, const search *s, found *f) {
    dbx_geo_box boxes[DBX_GEO_BOXES_MAX];
    size_t count = dbx_geohash_boxes(&s->shape, boxes);
    for (size_t i = 0; i < count; i++) {
        if (s->any && f->places.count >= (size_t)s->count) break;
        int rc = find_in_box(ctx, s, boxes[i], f);
        if (rc != DBX_OK) return rc;
    }
    /* The nearest, unless any will do. */
    bool sorted = s->sorted || (s->count > 0 && !s->any);
    if (sorted && f->places.count > 0) {
        qsort(f->nears, f->places.count, sizeof *f->nears,
              s->descending ? by_distance_down : by_distance);
    }
    return DBX_OK;
}

static void reply_places(const search *s, const found *f, size_t count, dbx_reply *out) {
    size_t more = (size_t)s->with_dist + s->with_hash + s->with_coord;
    out->ops->open(out, DBX_ARRAY, count);
    for (size_t i = 0; i < count; i++) {
        const near *place = &f->nears[i];
        double score = f->places.items[place->index].score;
        if (more > 0) out->ops->open(out, DBX_ARRAY, more + 1);
        out->ops->bulk(out, dbx_zset_result_member(&f->places, place->index));
        if (s->with_dist) reply_distance(place->distance / s->shape.meters, out);
        if (s->with_hash) out->ops->integer(out, (int64_t)score);
        if (s->with_coord) reply_point(dbx_geohash_point(score), out);
        if (more > 0) out->ops->close(out);
    }
    out->ops->close(out);
}

/* store_places keeps the first `count` of those found; their members stay where they are. */
static int store_places(dbx_ctx *ctx, const search *s, found *f, size_t count) {
    dbx_zset_result *places = &f->places;
    dbx_zset_made *kept = dbx_alloc_resize_array(NULL, count + 1, sizeof *kept);
    if (kept == NULL) return DBX_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        kept[i] = places->items[f->nears[i].index];
        if (s->stores_dist) kept[i].score = f->nears[i].distance / s->shape.meters;
    }
    dbx_alloc_free(places->items);
    places->items = kept;
    places->count = count;
    return dbx_zset_result_store(places, ctx, s->to);
}

static int run_search(dbx_ctx *ctx, const search *s, dbx_reply *out) {
    found f = {.cap = 0};
    int rc = s->k->exists ? find_places(ctx, s, &f) : DBX_OK;
    size_t count = f.places.count;
    if (s->count > 0 && count > (size_t)s->count) count = (size_t)s->count;
    if (rc == DBX_OK && s->stores) {
        rc = store_places(ctx, s, &f, count);
        out->ops->integer(out, (int64_t)count);
    } else if (rc == DBX_OK) {
        reply_places(s, &f, count, out);
    }
    dbx_zset_result_free(&f.places);
    dbx_alloc_free(f.nears);
    return rc;
}

static int geo_search(dbx_ctx *ctx, dbx_args *args, search s, dbx_reply *out) {
    dbx_key k;
    int rc;
    s.k = &k;
    s.stores = s.form == SEARCH_STORE;
    if (s.stores) s.to = dbx_args_next(args);
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    rc = read_search(ctx, args, &s, out);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_OK : rc;
    return run_search(ctx, &s, out);
}

static int cmd_geosearch(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return geo_search(ctx, args, (search){.form = SEARCH}, out);
}

static int cmd_geosearchstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return geo_search(ctx, args, (search){.form = SEARCH_STORE}, out);
}

static int cmd_georadius(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return geo_search(ctx, args, (search){.form = RADIUS, .may_store = true}, out);
}

static int cmd_georadius_ro(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return geo_search(ctx, args, (search){.form = RADIUS}, out);
}

static int cmd_georadiusbymember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return geo_search(ctx, args, (search){.form = RADIUS_BY_MEMBER, .may_store = true}, out);
}

static int cmd_georadiusbymember_ro(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return geo_search(ctx, args, (search){.form = RADIUS_BY_MEMBER}, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_geo[] = {
    {.name = "geoadd",
     .group = "geo",
     .syntax = "key [condition: NX | XX]@6.2.0 [CH:change]@6.2.0 <data: longitude "
               "latitude member> [data ...]",
     .summary = "Adds places, by longitude and latitude.",
     .since = "3.2.0",
     .complexity = "O(log N) for each place, in a set of N",
     .history = DBX_LIST("6.2.0", "`CH`, `NX` and `XX`."),
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_geoadd},
    {.name = "geodist",
     .group = "geo",
     .syntax = "key member1 member2 [unit: M | KM | FT | MI]",
     .summary = "Returns the distance of two places.",
     .since = "3.2.0",
     .complexity = "O(1)",
     .arity = -4,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_geodist},
    {.name = "geohash",
     .group = "geo",
     .syntax = "key [member [member ...]]",
     .summary = "Returns places as geohash strings.",
     .since = "3.2.0",
     .complexity = "O(1) for each place",
     .arity = -2,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_geohash},
    {.name = "geopos",
     .group = "geo",
     .syntax = "key [member [member ...]]",
     .summary = "Returns longitude and latitude of places.",
     .since = "3.2.0",
     .complexity = "O(1) for each place",
     .arity = -2,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_geopos},
    {.name = "geosearch",
     .group = "geo",
     .syntax = "key <from: FROMMEMBER member | FROMLONLAT <fromlonlat: longitude "
               "latitude>> <by: <circle: BYRADIUS radius <unit: M | KM | FT | MI>> | "
               "<box: BYBOX width height <unit: M | KM | FT | MI>>> [order: ASC | "
               "DESC] [<count-block: COUNT count [ANY]>] [WITHCOORD] [WITHDIST] "
               "[WITHHASH]",
     .summary = "Returns the places within a circle or a box.",
     .since = "6.2.0",
     .complexity = "O(N + log M) for N of M places in the boxes around what is searched",
     .history = DBX_LIST("7.0.0", "Units in upper case."),
     .arity = -7,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_geosearch},
    {.name = "geosearchstore",
     .group = "geo",
     .syntax = "destination source <from: FROMMEMBER member | FROMLONLAT "
               "<fromlonlat: longitude latitude>> <by: <circle: BYRADIUS radius "
               "<unit: M | KM | FT | MI>> | <box: BYBOX width height <unit: M | KM | "
               "FT | MI>>> [order: ASC | DESC] [<count-block: COUNT count [ANY]>] "
               "[STOREDIST]",
     .summary = "Keeps the places within a circle or a box as another set.",
     .since = "6.2.0",
     .complexity = "O(N + log M) for N of M places in the boxes around what is searched",
     .history = DBX_LIST("7.0.0", "Units in upper case."),
     .arity = -8,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_geosearchstore},
    {.name = "georadius",
     .group = "geo",
     .syntax = "key longitude latitude radius <unit: M | KM | FT | MI> [WITHCOORD] "
               "[WITHDIST] [WITHHASH] [<count-block: COUNT count [ANY]@6.2.0>] "
               "[order: ASC | DESC] [store: STORE storekey=key | STOREDIST "
               "storedistkey=key]",
     .summary = "Returns the places within a circle, or keeps them as another set.",
     .since = "3.2.0",
     .complexity = "O(N + log M) for N of M places in the boxes around what is searched",
     .history = DBX_LIST("6.2.0", "`ANY`.", "7.0.0", "Units in upper case."),
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_OW | DBX_KEY_UPDATE | DBX_KEY_INCOMPLETE,
               .keyword = "STORE",
               .begin = 6,
               .last = 0,
               .step = 1,
               .notes = "Incomplete because duplicate STORE options use last-wins; fall back to "
                        "georadiusGetKeys"},
              {.flags = DBX_KEY_OW | DBX_KEY_UPDATE | DBX_KEY_INCOMPLETE,
               .keyword = "STOREDIST",
               .begin = 6,
               .last = 0,
               .step = 1,
               .notes = "Incomplete because duplicate STOREDIST options use last-wins; fall back "
                        "to georadiusGetKeys"}},
     .run = cmd_georadius,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"},
    {.name = "georadius_ro",
     .group = "geo",
     .syntax = "key longitude latitude radius <unit: M | KM | FT | MI> [WITHCOORD] "
               "[WITHDIST] [WITHHASH] [<count-block: COUNT count [ANY]@6.2.0>] "
               "[order: ASC | DESC]",
     .summary = "Returns the places within a circle.",
     .since = "3.2.10",
     .complexity = "O(N + log M) for N of M places in the boxes around what is searched",
     .history = DBX_LIST("6.2.0", "`ANY`.", "7.0.0", "Units in upper case."),
     .arity = -6,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_georadius_ro,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument"},
    {.name = "georadiusbymember",
     .group = "geo",
     .syntax = "key member radius <unit: M | KM | FT | MI> [WITHCOORD] [WITHDIST] "
               "[WITHHASH] [<count-block: COUNT count [ANY]>] [order: ASC | DESC] "
               "[store: STORE storekey=key | STOREDIST storedistkey=key]",
     .summary = "Returns the places within a circle around one, or keeps them as another set.",
     .since = "3.2.0",
     .complexity = "O(N + log M) for N of M places in the boxes around what is searched",
     .history = DBX_LIST("6.2.0", "`ANY`.", "7.0.0", "Units in upper case."),
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_OW | DBX_KEY_UPDATE | DBX_KEY_INCOMPLETE,
               .keyword = "STORE",
               .begin = 5,
               .last = 0,
               .step = 1,
               .notes = "Incomplete because duplicate STORE options use last-wins; fall back to "
                        "georadiusGetKeys"},
              {.flags = DBX_KEY_OW | DBX_KEY_UPDATE | DBX_KEY_INCOMPLETE,
               .keyword = "STOREDIST",
               .begin = 5,
               .last = 0,
               .step = 1,
               .notes = "Incomplete because duplicate STOREDIST options use last-wins; fall back "
                        "to georadiusGetKeys"}},
     .run = cmd_georadiusbymember,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by =
         "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = "georadiusbymember_ro",
     .group = "geo",
     .syntax = "key member radius <unit: M | KM | FT | MI> [WITHCOORD] [WITHDIST] "
               "[WITHHASH] [<count-block: COUNT count [ANY]>] [order: ASC | DESC]",
     .summary = "Returns the places within a circle around one.",
     .since = "3.2.10",
     .complexity = "O(N + log M) for N of M places in the boxes around what is searched",
     .history = DBX_LIST("6.2.0", "`ANY`.", "7.0.0", "Units in upper case."),
     .arity = -5,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_georadiusbymember_ro,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = NULL},
};
