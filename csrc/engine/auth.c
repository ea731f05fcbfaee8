/* auth.c: checking a user's password; see auth.h. */
#include "engine/auth.h"

#include <stdint.h>
#include <string.h>

static bool same_secret(dbx_slice secret, dbx_slice given) {
    volatile uint8_t difference = secret.len != given.len; /* volatile: no early end */
    for (size_t i = 0; i < given.len; i++) {
        uint8_t expected = secret.len == 0 ? 0 : secret.ptr[i % secret.len];
        difference = (uint8_t)(difference | (expected ^ given.ptr[i]));
    }
    return difference == 0;
}

bool dbx_auth_check(const char *required, dbx_slice user, dbx_slice password) {
    if (!dbx_slice_eq(user, dbx_slice_str(DBX_AUTH_USER))) return false;
    return required[0] == '\0' || same_secret(dbx_slice_str(required), password);
}
