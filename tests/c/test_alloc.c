/* test_alloc.c: overflowing sizes are refused, and one failure comes when it was asked for. */
#include "base/alloc.h"

#include "check.h"

TEST(an_array_whose_size_overflows_is_refused) {
    CHECK(dbx_alloc_resize_array(NULL, SIZE_MAX / 4, 8) == NULL);
    void *array = dbx_alloc_resize_array(NULL, 10, 8);
    CHECK(array != NULL);
    dbx_alloc_free(array);
    dbx_alloc_free(NULL);
}

TEST(zeroed_memory_is_zero) {
    uint8_t *bytes = dbx_alloc_zero(100, 3), zero[300] = {0};
    CHECK(bytes != NULL && memcmp(bytes, zero, sizeof zero) == 0);
    dbx_alloc_free(bytes);
}

#ifdef DBX_ALLOC_FAULTS
TEST(the_armed_allocation_fails_once) {
    void *kept[5];
    dbx_alloc_fail_after(2);
    for (int i = 0; i < 5; i++) {
        kept[i] = i % 2 != 0 ? dbx_alloc_zero(1, 8) : dbx_alloc(8);
        CHECK((kept[i] == NULL) == (i == 2));
    }
    CHECK(dbx_alloc_failed() && !dbx_alloc_failed());
    for (int i = 0; i < 5; i++) {
        dbx_alloc_free(kept[i]);
    }
}
#endif
