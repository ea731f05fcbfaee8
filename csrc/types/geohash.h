/* geohash.h: places on the globe as numbers of 52 bits, in which bits of latitude and longitude
 * alternate, so that places with close numbers are close. Scores of sorted sets hold them exactly.
 *
 * All arithmetic is Redis's, operation by operation, so that replies have the same digits.
 */
#ifndef DBX_TYPES_GEOHASH_H
#define DBX_TYPES_GEOHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBX_GEO_LONGITUDE_MAX 180.0
#define DBX_GEO_LATITUDE_MAX 85.05112878

enum { DBX_GEO_HASH_CHARS = 11, DBX_GEO_BOXES_MAX = 9 };

typedef struct dbx_geo_point {
    double longitude, latitude;
} dbx_geo_point;

/* What is searched: a circle or a box around a point; lengths in units of `meters`. */
typedef struct dbx_geo_shape {
    bool box;
    dbx_geo_point center;
    double meters; /* of a unit */
    double radius, width, height;
} dbx_geo_shape;

/* A range of scores: from `min` to before `max`. */
typedef struct dbx_geo_box {
    double min, max;
} dbx_geo_box;

/* dbx_geohash_score is the score of a point, which lies within the bounds above. */
double dbx_geohash_score(dbx_geo_point point);
/* dbx_geohash_point is the point that a score stands for. */
dbx_geo_point dbx_geohash_point(double score);
/* dbx_geohash_text writes the standard geohash of a score's point. */
void dbx_geohash_text(double score, char out[DBX_GEO_HASH_CHARS]);

/* dbx_geohash_distance is in meters, on a sphere. */
double dbx_geohash_distance(dbx_geo_point a, dbx_geo_point b);
/* dbx_geohash_within says whether a point lies in a shape, and how far from its center. */
bool dbx_geohash_within(const dbx_geo_shape *shape, dbx_geo_point point, double *distance);
/* dbx_geohash_boxes finds the ranges of scores that all points of a shape are in, in the order in
 * which they are to be searched; returns how many. */
size_t dbx_geohash_boxes(const dbx_geo_shape *shape, dbx_geo_box boxes[DBX_GEO_BOXES_MAX]);

#endif
