/* auth.h: the one user there is, and the comparison of passwords. */
#ifndef DBX_ENGINE_AUTH_H
#define DBX_ENGINE_AUTH_H

#include <stdbool.h>

#include "base/slice.h"

#define DBX_AUTH_USER "default"

/* dbx_auth_check says whether `user` with `password` may log in, `required` being requirepass
 * (empty: any password will do). The time taken depends on the lengths alone, never on what the
 * password is. */
bool dbx_auth_check(const char *required, dbx_slice user, dbx_slice password);

#endif
