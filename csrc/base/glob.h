/* glob.h: Redis's glob-style patterns: * ? [a-z] [^a] and backslash. */
#ifndef DBX_BASE_GLOB_H
#define DBX_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* dbx_glob_match says whether all of `text` matches `pattern`, byte by byte, as Redis's
 * stringmatchlen; `nocase` ignores ASCII case. Time is bounded: after DBX_GLOB_STARS_MAX nested
 * stars the text does not match. */
enum { DBX_GLOB_STARS_MAX = 1000 };
bool dbx_glob_match(dbx_slice pattern, dbx_slice text, bool nocase);

/* dbx_glob_prefix writes the literal bytes every match begins with to `out` (room for pattern.len
 * bytes) and returns how many there are. *exact: the pattern has no wildcard, so only the prefix
 * itself matches; may be NULL. */
size_t dbx_glob_prefix(dbx_slice pattern, uint8_t *out, bool *exact);

#endif
