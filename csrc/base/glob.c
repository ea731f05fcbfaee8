/* glob.c: Redis's glob-style patterns; see glob.h.
 *
 * Redis matches by recursion on each star and gives up after too many; the same answers come from
 * going back to the last star only: what an earlier star could still match, a later one can too.
 * That needs no recursion and at most pattern.len * text.len steps.
 */
#include "base/glob.h"

/* One byte against a class. *at stands after the '['; it is left after the ']', or at the pattern's
 * end: a class that is never closed ends there. Range ends compare as signed bytes, as they do in
 * Redis on x86, whatever char is here. */
static bool class_has(dbx_slice pattern, size_t *at, uint8_t byte, bool nocase) {
    const uint8_t *p = pattern.ptr;
    size_t i = *at, end = pattern.len;
    int8_t c = (int8_t)(nocase ? dbx_slice_lower(byte) : byte);
    bool negated = i < end && p[i] == '^', found = false;
    if (negated) i++;
    for (; i < end && p[i] != ']'; i++) {
        if (p[i] == '\\' && end - i >= 2) {
            i++;
            found |= p[i] == byte; /* an escaped member keeps its case, even with nocase */
        } else if (end - i >= 3 && p[i + 1] == '-') {
            int8_t low = (int8_t)p[i], high = (int8_t)p[i + 2];
            if (low > high) {
                int8_t swap = low;
                low = high;
                high = swap;
            }
            if (nocase) {
                low = (int8_t)dbx_slice_lower((uint8_t)low);
                high = (int8_t)dbx_slice_lower((uint8_t)high);
            }
            found |= c >= low && c <= high;
            i += 2;
        } else {
            found |= (int8_t)(nocase ? dbx_slice_lower(p[i]) : p[i]) == c;
        }
    }
    *at = i < end ? i + 1 : end;
    return found != negated;
}

/* One byte against the pattern's next element, which is no star; *at moves behind it. */
static bool element_matches(dbx_slice pattern, size_t *at, uint8_t byte, bool nocase) {
    uint8_t c = pattern.ptr[(*at)++];
    if (c == '?') return true;
    if (c == '[') return class_has(pattern, at, byte, nocase);
    if (c == '\\' && *at < pattern.len) c = pattern.ptr[(*at)++];
    return c == byte || (nocase && dbx_slice_lower(c) == dbx_slice_lower(byte));
}

static size_t skip_stars(dbx_slice pattern, size_t at) {
    while (at < pattern.len && pattern.ptr[at] == '*') {
        at++;
    }
    return at;
}

bool dbx_glob_match(dbx_slice pattern, dbx_slice text, bool nocase) {
    size_t p = 0, t = 0, stars = 0;
    size_t star_p = 0, star_t = 0; /* behind the last star, and where its match ends so far */
    if (text.len == 0) return pattern.len == 0; /* so in Redis: even "*" needs a byte */
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            p = skip_stars(pattern, p);
            if (p == pattern.len) return true;
            if (++stars > DBX_GLOB_STARS_MAX) return false;
            star_p = p;
            star_t = t;
        } else if (p < pattern.len && element_matches(pattern, &p, text.ptr[t], nocase)) {
            t++;
        } else if (stars > 0) {
            p = star_p;
            t = ++star_t;
        } else {
            return false;
        }
    }
    return skip_stars(pattern, p) == pattern.len;
}

size_t dbx_glob_prefix(dbx_slice pattern, uint8_t *out, bool *exact) {
    size_t len = 0, at = 0;
    while (at < pattern.len) {
        uint8_t c = pattern.ptr[at];
        if (c == '*' || c == '?' || c == '[') break;
        if (c == '\\' && at + 1 < pattern.len) c = pattern.ptr[++at];
        out[len++] = c;
        at++;
    }
    if (exact != NULL) *exact = at == pattern.len;
    return len;
}
