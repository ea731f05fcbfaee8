/* check.h: the C unit tests' frame. One test file is one program; main() is here:
 *
 *     TEST(what_the_rule_says) { CHECK(x > 0); CHECK_EQ(f(2), 4); }
 *
 * A failed check is printed and counted, and the test goes on; the program exits with 1 if any
 * failed. The argument, if any, names the one test to run; DBX_SEED chooses the random tests' seed.
 */
#ifndef DBX_TESTS_CHECK_H
#define DBX_TESTS_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

typedef struct check_test {
    const char *name;
    void (*run)(void);
} check_test;

enum { CHECK_TESTS_MAX = 256 };

static check_test check_tests[CHECK_TESTS_MAX];
static unsigned check_count;
static unsigned check_failures; /* of the running test */

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    __attribute__((constructor)) static void add_##name(void) {                                    \
        if (check_count == CHECK_TESTS_MAX) abort();                                               \
        check_tests[check_count++] = (check_test){#name, test_##name};                             \
    }                                                                                              \
    static void test_##name(void)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) check_failed(__FILE__, __LINE__, "%s", #condition);                      \
    } while (0)

/* Integers of any width and sign, compared as long long. */
#define CHECK_EQ(got, want)                                                                        \
    do {                                                                                           \
        long long check_got = (long long)(got), check_want = (long long)(want);                    \
        if (check_got != check_want) {                                                             \
            check_failed(__FILE__, __LINE__, "%s is %lld, not %lld", #got, check_got, check_want); \
        }                                                                                          \
    } while (0)

/* A slice or anything with ptr and len against a string. */
#define CHECK_TEXT(got, want) check_bytes(__FILE__, __LINE__, #got, (got), dbx_slice_str(want))
#define CHECK_BYTES(got, want) check_bytes(__FILE__, __LINE__, #got, (got), (want))

__attribute__((format(printf, 3, 4), unused)) static void check_failed(const char *file, int line,
                                                                       const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    check_failures++;
}

__attribute__((unused)) static void check_print(dbx_slice bytes) {
    fputc('"', stderr);
    for (size_t i = 0; i < bytes.len && i < 400; i++) {
        uint8_t c = bytes.ptr[i];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
            fputc(c, stderr);
        } else {
            fprintf(stderr, "\\x%02x", c);
        }
    }
    fputc('"', stderr);
}

__attribute__((unused)) static void check_bytes(const char *file, int line, const char *what,
                                                dbx_slice got, dbx_slice want) {
    if (dbx_slice_eq(got, want)) return;
    check_failed(file, line, "%s differs", what);
    fputs("  got  ", stderr);
    check_print(got);
    fputs("\n  want ", stderr);
    check_print(want);
    fputc('\n', stderr);
}

__attribute__((unused)) static uint64_t check_seed(void) {
    const char *text = getenv("DBX_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : 1;
}

int main(int argc, char **argv) {
    unsigned passed = 0, failed = 0;
    for (unsigned i = 0; i < check_count; i++) {
        if (argc > 1 && strcmp(argv[1], check_tests[i].name) != 0) continue;
        check_failures = 0;
        check_tests[i].run();
        if (check_failures > 0) {
            fprintf(stderr, "FAILED %s\n", check_tests[i].name);
            failed++;
        } else {
            passed++;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}

#endif
