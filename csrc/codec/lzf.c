/* lzf.c: see lzf.h. A control byte below 32 is followed by that many literal bytes and one more;
 * another one has a length in its upper three bits and the upper five bits of a distance below. */
#include "codec/lzf.h"

enum { LITERALS = 32, LONG_REPEAT = 7, WINDOW_MASK = DBX_LZF_WINDOW - 1 };

void dbx_lzf_open(dbx_lzf *lzf, dbx_slice in) {
    lzf->in = in;
    lzf->literal = lzf->repeat = lzf->back = 0;
    lzf->given = 0;
}

static uint8_t take(dbx_lzf *lzf) {
    lzf->in.len--;
    return *lzf->in.ptr++;
}

/* next_run reads what comes next: literals or a repetition; false: damaged, or the end. */
static bool next_run(dbx_lzf *lzf) {
    if (lzf->in.len == 0) return false;
    uint8_t control = take(lzf);
    if (control < LITERALS) {
        lzf->literal = (size_t)control + 1;
        return lzf->literal <= lzf->in.len;
    }
    size_t len = control >> 5;
    if (lzf->in.len < (len == LONG_REPEAT ? 2 : 1)) return false;
    if (len == LONG_REPEAT) len += take(lzf);
    lzf->back = ((size_t)(control & 0x1f) << 8 | take(lzf)) + 1;
    lzf->repeat = len + 2;
    return lzf->back <= lzf->given;
}

bool dbx_lzf_read(dbx_lzf *lzf, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t byte;
        if (lzf->literal == 0 && lzf->repeat == 0 && !next_run(lzf)) return false;
        if (lzf->literal > 0) {
            lzf->literal--;
            byte = take(lzf);
        } else {
            lzf->repeat--;
            byte = lzf->window[(lzf->given - lzf->back) & WINDOW_MASK];
        }
        lzf->window[lzf->given++ & WINDOW_MASK] = byte;
        out[i] = byte;
    }
    return true;
}

bool dbx_lzf_ended(const dbx_lzf *lzf) {
    return lzf->in.len == 0 && lzf->literal == 0 && lzf->repeat == 0;
}
