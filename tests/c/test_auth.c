/* test_auth.c: who may log in. */
#include "engine/auth.h"

#include "check.h"

static bool check(const char *required, const char *user, const char *password) {
    return dbx_auth_check(required, dbx_slice_str(user), dbx_slice_str(password));
}

TEST(only_the_exact_password_of_the_one_user_is_right) {
    CHECK(check("secret", "default", "secret"));
    static const char *const wrong[] = {"",       "s",     "secre", "secret2", "secretsecret",
                                        "Secret", "xxxxxx"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK(!check("secret", "default", wrong[i]));
    }
    CHECK(!check("secret", "other", "secret"));
    CHECK(!dbx_auth_check("secret", dbx_slice_str("default"), dbx_slice_of("secret\0", 7)));
}

TEST(without_a_password_any_is_right_for_the_one_user) {
    CHECK(check("", "default", "whatever"));
    CHECK(check("", "default", ""));
    CHECK(!check("", "other", ""));
}
