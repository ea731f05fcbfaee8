/* score.h: scores of sorted sets as bytes, and the place of a member in its set's order. */
#ifndef DBX_TYPES_SCORE_H
#define DBX_TYPES_SCORE_H

#include "base/bytes.h"
#include "store/format.h"

enum {
    DBX_SCORE_BYTES = 8,
    /* Of a place: score, member as in keys; a byte more for the first place behind it. */
    DBX_PLACE_MAX = DBX_SCORE_BYTES + DBX_MEMBER_INLINE_MAX + 2
};

/* dbx_score_put writes a score so that bytes order as scores do; -0.0 is 0.0. */
static inline void dbx_score_put(uint8_t *out, double score) {
    uint64_t bits;
    score += 0.0; /* -0.0 becomes 0.0 */
    memcpy(&bits, &score, sizeof bits);
    dbx_store64_be(out, (bits >> 63) != 0 ? ~bits : bits | (uint64_t)1 << 63);
}

/* dbx_score_read is the other way. */
static inline double dbx_score_read(const uint8_t *at) {
    uint64_t bits = dbx_load64_be(at);
    double score;
    bits = (bits >> 63) != 0 ? bits & ~((uint64_t)1 << 63) : ~bits;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* dbx_score_store and dbx_score_load keep a score exactly, its sign included, as a value. */
static inline void dbx_score_store(uint8_t *out, double score) {
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    dbx_store64(out, bits);
}

static inline double dbx_score_load(const uint8_t *at) {
    uint64_t bits = dbx_load64(at);
    double score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

#endif
