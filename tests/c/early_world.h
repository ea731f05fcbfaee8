/* early_world.h: a database whose results are committed early, see store/early.h: for the tests of
 * that. */
#ifndef DBX_TESTS_EARLY_WORLD_H
#define DBX_TESTS_EARLY_WORLD_H

#include "check.h"
#include "scratch.h"

#include <stdlib.h>

#include "codec/resp_write.h"
#include "engine/local.h"
#include "engine/state.h"
#include "store/early.h"
#include "store/verify.h"

enum {
    EACH = 1,        /* dbx_early_set_bytes: what each put adds is too much */
    NEVER = 1 << 30, /* nothing is */
    WORDS_MAX = 16,
    BATCH_WORDS = 512,
    WAIT_MS_MAX = 60000
};

static char directory[SCRATCH_BYTES];
static dbx_local *local;
static dbx_session *session;
static dbx_buf said;

/* So small a buffer that it is frozen many times, or one that never is. */
__attribute__((unused)) static const dbx_setting small_buffer[] = {{"loglevel", "nothing"},
                                                                   {"write-buffer-size", "65536"},
                                                                   {"stream-node-max-entries", "8"},
                                                                   {NULL, NULL}};
__attribute__((unused)) static const dbx_setting large_buffer[] = {
    {"loglevel", "nothing"},
    {"write-buffer-size", "268435456"},
    {"stream-node-max-entries", "8"},
    {NULL, NULL}};

static inline bool try_open(const dbx_setting *settings) {
    const dbx_engine_options options = {.path = directory, .settings = settings};
    dbx_error error;
    if (dbx_local_open(&options, &local, &error) != DBX_OK) return false;
    session = dbx_local_session_open(local);
    return session != NULL;
}

static inline void close_world(void) {
    dbx_local_session_close(local, session);
    CHECK_EQ(dbx_local_close(local, NULL), DBX_OK);
}

/* Runs one command; its reply is in `said`. */
static inline int run_argv(size_t argc, const dbx_slice *words) {
    dbx_slice argv[BATCH_WORDS];
    dbx_call call = {.argc = argc, .argv = argv};
    dbx_local_result result;
    dbx_error error;
    memcpy(argv, words, argc * sizeof *words);
    said.len = 0;
    int rc = dbx_local_spool(local, &call, &error);
    if (rc == DBX_OK) rc = dbx_local_run(local, session, &call, 1, false, &said, &result);
    dbx_local_unspool(local, &call);
    return rc;
}

static inline int run_words(const char *const *words) {
    dbx_slice argv[WORDS_MAX];
    size_t argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = dbx_slice_str(words[argc]);
    return run_argv(argc, argv);
}

#define RUN(...) run_words((const char *const[]){__VA_ARGS__, NULL})

/* DO is RUN for what succeeds. */
static inline void do_words(int line, const char *const *words) {
    int rc = run_words(words);
    if (rc == DBX_OK && said.len > 0 && said.ptr[0] != '-') return;
    fprintf(stderr, "%s: %.*s\n", words[0], (int)said.len, (const char *)said.ptr);
    check_failed(__FILE__, line, "a command failed");
}

#define DO(...) do_words(__LINE__, (const char *const[]){__VA_ARGS__, NULL})

static inline bool said_text(const char *text) {
    return said.ptr != NULL && memmem(said.ptr, said.len, text, strlen(text)) != NULL;
}

static inline uint64_t info_number(const char *name) {
    char text[48];
    DO("INFO", "store");
    size_t n = (size_t)snprintf(text, sizeof text, "%s:", name);
    const uint8_t *at = memmem(said.ptr, said.len, text, n);
    return at == NULL ? UINT64_MAX : strtoull((const char *)at + n, NULL, 10);
}

/* The directory, which nobody has open, is without damage; returns how many ids are to be
 * reclaimed. */
static inline uint64_t verify(void) {
    dbx_error error = {.text = ""};
    FILE *out = tmpfile();
    char line[256];
    unsigned long ids = 0;
    int rc = dbx_verify(directory, fileno(out), -1, &error);
    rewind(out);
    while (fgets(line, sizeof line, out) != NULL) {
        if (rc != DBX_OK) fprintf(stderr, "%s", line);
        if (strstr(line, "reclaim") != NULL) (void)sscanf(line, "%*s %lu", &ids);
    }
    (void)fclose(out);
    CHECK_EQ(rc, DBX_OK);
    return ids;
}

#endif
