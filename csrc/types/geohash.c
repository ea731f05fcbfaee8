/* geohash.c: see geohash.h. */
#include "types/geohash.h"

#include <math.h>

enum { STEPS_MAX = 26, BITS = 2 * STEPS_MAX };

static const double DEGREE = M_PI / 180.0;
static const double EARTH_RADIUS = 6372797.560856; /* meters */
static const double MERCATOR_MAX = 20037726.37;

/* Bits at odd places are of longitude, those at even places of latitude. */
static const uint64_t ODD = UINT64_C(0xAAAAAAAAAAAAAAAA), EVEN = UINT64_C(0x5555555555555555);

/* The ranges that are halved, step by step. */
typedef struct globe {
    double longitude, latitude; /* from minus this to plus this */
} globe;

static const globe OURS = {DBX_GEO_LONGITUDE_MAX, DBX_GEO_LATITUDE_MAX};

typedef struct cell {
    uint64_t bits;
    unsigned steps; /* of two bits each; 0 with no bits: left out */
} cell;

typedef struct area {
    double west, east, south, north;
} area;

/* --- Cells ----------------------------------------------------------------------------------- */

/* Spreads 32 bits over the even places of 64, and back. */
static uint64_t spread(uint64_t x) {
    x = (x | x << 16) & UINT64_C(0x0000FFFF0000FFFF);
    x = (x | x << 8) & UINT64_C(0x00FF00FF00FF00FF);
    x = (x | x << 4) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    x = (x | x << 2) & UINT64_C(0x3333333333333333);
    return (x | x << 1) & EVEN;
}

static uint32_t gather(uint64_t x) {
    x &= EVEN;
    x = (x | x >> 1) & UINT64_C(0x3333333333333333);
    x = (x | x >> 2) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    x = (x | x >> 4) & UINT64_C(0x00FF00FF00FF00FF);
    x = (x | x >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    return (uint32_t)(x | x >> 16);
}

static cell encode(globe range, dbx_geo_point point, unsigned steps) {
    double latitude = (point.latitude + range.latitude) / (range.latitude + range.latitude);
    double longitude = (point.longitude + range.longitude) / (range.longitude + range.longitude);
    latitude *= (double)(UINT64_C(1) << steps);
    longitude *= (double)(UINT64_C(1) << steps);
    return (cell){spread((uint32_t)latitude) | spread((uint32_t)longitude) << 1, steps};
}

/* The lower border of the n-th of 2^steps parts. */
static double border(double range, uint32_t n, unsigned steps) {
    double scale = range + range;
    return -range + (n * 1.0 / (double)(UINT64_C(1) << steps)) * scale;
}

static area decode(globe range, cell c) {
    uint32_t latitude = gather(c.bits), longitude = gather(c.bits >> 1);
    return (area){.west = border(range.longitude, longitude, c.steps),
                  .east = border(range.longitude, longitude + 1, c.steps),
                  .south = border(range.latitude, latitude, c.steps),
                  .north = border(range.latitude, latitude + 1, c.steps)};
}

static double clamp(double x, double max) {
    return x > max ? max : x < -max ? -max : x;
}

/* A score that no place has may be anything. */
static uint64_t bits_of(double score) {
    const double half = 0x1p63;
    if (score >= half && score < 2 * half) return (uint64_t)score;
    if (score > -half && score < half) return (uint64_t)(int64_t)score;
    return score >= half ? 0 : UINT64_C(1) << 63;
}

double dbx_geohash_score(dbx_geo_point point) {
    return (double)encode(OURS, point, STEPS_MAX).bits;
}

dbx_geo_point dbx_geohash_point(double score) {
    area a = decode(OURS, (cell){bits_of(score), STEPS_MAX});
    return (dbx_geo_point){clamp((a.west + a.east) / 2, OURS.longitude),
                           clamp((a.south + a.north) / 2, OURS.latitude)};
}

void dbx_geohash_text(double score, char out[DBX_GEO_HASH_CHARS]) {
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    static const globe standard = {180, 90};
    enum { CHAR_BITS = 5 };
    uint64_t bits = encode(standard, dbx_geohash_point(score), STEPS_MAX).bits;
    for (int i = 0; i < DBX_GEO_HASH_CHARS - 1; i++)
        out[i] = digits[bits >> (BITS - CHAR_BITS * (i + 1)) & 0x1F];
    out[DBX_GEO_HASH_CHARS - 1] = '0'; /* 52 bits are ten characters and a part of one */
}

/* --- Distances ------------------------------------------------------------------------------- */

static double along_meridian(double a, double b) {
    return EARTH_RADIUS * fabs(b * DEGREE - a * DEGREE);
}

double dbx_geohash_distance(dbx_geo_point a, dbx_geo_point b) {
    double v = sin((b.longitude * DEGREE - a.longitude * DEGREE) / 2);
    if (v == 0) return along_meridian(a.latitude, b.latitude);
    double from = a.latitude * DEGREE, to = b.latitude * DEGREE;
    double u = sin((to - from) / 2);
    return 2.0 * EARTH_RADIUS * asin(sqrt(u * u + cos(from) * cos(to) * v * v));
}

bool dbx_geohash_within(const dbx_geo_shape *shape, dbx_geo_point point, double *distance) {
    if (!shape->box) {
        *distance = dbx_geohash_distance(shape->center, point);
        return !(*distance > shape->radius * shape->meters);
    }
    double height = shape->height * shape->meters, width = shape->width * shape->meters;
    dbx_geo_point beside = {shape->center.longitude, point.latitude};
    if (along_meridian(point.latitude, shape->center.latitude) > height / 2) return false;
    if (dbx_geohash_distance(point, beside) > width / 2) return false;
    *distance = dbx_geohash_distance(shape->center, point);
    return true;
}

/* --- What is searched ------------------------------------------------------------------------ */

static area bounds_of(const dbx_geo_shape *shape) {
    double latitude = shape->center.latitude, longitude = shape->center.longitude;
    double height = shape->meters * (shape->box ? shape->height / 2 : shape->radius);
    double width = shape->meters * (shape->box ? shape->width / 2 : shape->radius);
    double up = (height / EARTH_RADIUS) / DEGREE;
    /* A degree of longitude is shortest on the side of the pole. */
    double edge = latitude < 0 ? latitude - up : latitude + up;
    double aside = (width / EARTH_RADIUS / cos(edge * DEGREE)) / DEGREE;
    return (area){.west = longitude - aside,
                  .east = longitude + aside,
                  .south = latitude - up,
                  .north = latitude + up};
}

/* How fine cells may be so that the shape fits into one and its neighbours. */
static unsigned steps_for(double radius, double latitude) {
    int steps = 1;
    if (radius == 0) return STEPS_MAX;
    for (; radius < MERCATOR_MAX; radius *= 2)
        steps++;
    steps -= 2;
    if (fabs(latitude) > 66) steps--;
    if (fabs(latitude) > 80) steps--;
    return steps < 1 ? 1 : steps > STEPS_MAX ? STEPS_MAX : (unsigned)steps;
}

/* The cell beside one, `east` (-1, 0, 1) and `north` of it. */
static cell neighbour(cell c, int east, int north) {
    unsigned unused = 64 - 2 * c.steps;
    uint64_t x = c.bits & ODD, y = c.bits & EVEN;
    uint64_t below_x = EVEN >> unused, below_y = ODD >> unused;
    if (east > 0) x += below_x + 1;
    if (east < 0) x = (x | below_x) - (below_x + 1);
    if (east != 0) x &= ODD >> unused;
    if (north > 0) y += below_y + 1;
    if (north < 0) y = (y | below_y) - (below_y + 1);
    if (north != 0) y &= EVEN >> unused;
    return (cell){x | y, c.steps};
}

/* Whether a cell with its neighbours covers what is searched; bounds that are no numbers are. */
static bool covers(cell c, const area *bounds) {
    return !(decode(OURS, neighbour(c, 0, 1)).north < bounds->north) &&
           !(decode(OURS, neighbour(c, 0, -1)).south > bounds->south) &&
           !(decode(OURS, neighbour(c, 1, 0)).east < bounds->east) &&
           !(decode(OURS, neighbour(c, -1, 0)).west > bounds->west);
}

/* Whether a neighbour lies outside of what is searched: the cell itself reaches as far. */
static bool is_useless(const area *own, const area *bounds, int east, int north) {
    return (north < 0 && own->south < bounds->south) || (north > 0 && own->north > bounds->north) ||
           (east < 0 && own->west < bounds->west) || (east > 0 && own->east > bounds->east);
}

static double aligned(uint64_t bits, unsigned steps) {
    return (double)(bits << (BITS - 2 * steps));
}

size_t dbx_geohash_boxes(const dbx_geo_shape *shape, dbx_geo_box boxes[DBX_GEO_BOXES_MAX]) {
    static const int8_t beside[DBX_GEO_BOXES_MAX][2] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                                                        {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    area bounds = bounds_of(shape);
    double width = shape->width / 2, height = shape->height / 2;
    double radius = shape->box ? sqrt(width * width + height * height) : shape->radius;
    unsigned steps = steps_for(radius * shape->meters, shape->center.latitude);
    cell c = encode(OURS, shape->center, steps);
    if (steps > 1 && !covers(c, &bounds)) c = encode(OURS, shape->center, --steps);
    area own = decode(OURS, c);
    cell last = {0, 0};
    size_t count = 0;
    for (size_t i = 0; i < DBX_GEO_BOXES_MAX; i++) {
        int east = beside[i][0], north = beside[i][1];
        if (steps >= 2 && is_useless(&own, &bounds, east, north)) continue;
        cell next = neighbour(c, east, north);
        /* Large cells' neighbours may be the same one. */
        if (last.steps != 0 && next.bits == last.bits) continue;
        boxes[count++] = (dbx_geo_box){aligned(next.bits, steps), aligned(next.bits + 1, steps)};
        if (i > 0) last = next;
    }
    return count;
}
