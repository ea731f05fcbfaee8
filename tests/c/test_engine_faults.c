/* test_engine_faults.c: whichever allocation fails below an in-process call, in memory and on disk,
 * while it opens, runs, applies and replays: one call is refused, nothing that was acknowledged is
 * lost, and nothing that was refused is there; see workload.h. */
#include <unistd.h>

#include "engine/local.h"
#include "no_sync.h"
#include "scratch.h"
#include "workload.h"

/* Of the allocations every so manieth is tried, others in each run; all with DBX_SOAK set. On disk
 * a run takes long; what a machine has to do with it shows in a few. */
#if defined(DBX_EMULATED) || defined(__SANITIZE_THREAD__)
enum { DISK_STRIDE = 97, MEMORY_STRIDE = 31 };
#else
enum { DISK_STRIDE = 23, MEMORY_STRIDE = 3 };
#endif

static dbx_local *local;
static dbx_session *session;
static char directory[SCRATCH_BYTES]; /* empty: keeps nothing */

static bool open_engine(void) {
    /* So small a buffer that it is frozen and applied many times. */
    const dbx_setting settings[] = {
        {"loglevel", "nothing"}, {"write-buffer-size", "16384"}, {NULL, NULL}};
    const dbx_engine_options options = {.path = directory[0] != '\0' ? directory : NULL,
                                        .settings = settings};
    dbx_error error = {0};
    session = NULL;
    return dbx_local_open(&options, &local, &error) == DBX_OK;
}

static void close_engine(void) {
    if (session != NULL) dbx_local_session_close(local, session);
    CHECK_EQ(dbx_local_close(local, NULL), DBX_OK);
}

static bool workload_connect(void) {
    if (session != NULL) dbx_local_session_close(local, session);
    session = dbx_local_session_open(local);
    return session != NULL;
}

static workload_outcome workload_send(size_t argc, const dbx_slice *argv, dbx_buf *reply) {
    dbx_slice words[WORKLOAD_WORDS_MAX];
    dbx_call call = {.argc = argc, .argv = words};
    dbx_local_result result;
    dbx_error error = {0};
    dbx_buf out = {0};
    memcpy(words, argv, argc * sizeof *argv);
    int rc = dbx_local_spool(local, &call, &error);
    if (rc == DBX_OK) rc = dbx_local_run(local, session, &call, 1, false, &out, &result);
    dbx_local_unspool(local, &call);
    if (rc == DBX_OK) {
        CHECK_EQ(dbx_local_settle(local, &result), DBX_OK);
        workload_grow(reply, out.len);
        memcpy(reply->ptr, out.ptr, out.len);
        reply->len = out.len;
    }
    dbx_buf_free(&out);
    CHECK(rc == DBX_OK || rc == DBX_ENOMEM);
    return rc == DBX_OK ? WORKLOAD_ANSWERED : WORKLOAD_UNKNOWN;
}

/* --- Directories ----------------------------------------------------------------------------- */

static void remove_directory(void) {
    scratch_remove(directory);
    directory[0] = '\0';
}

/* Opens what a run has left, first with the same allocation failing. */
static void check_reopened(long n) {
    dbx_alloc_fail_after(n);
    if (open_engine()) {
        dbx_alloc_fail_after(-1);
        CHECK_EQ(workload_state(dbx_local_engine(local)), workload_states[WORKLOAD_STEPS]);
        close_engine();
    } else {
        CHECK(dbx_alloc_failed());
    }
    dbx_alloc_fail_after(-1);
    CHECK(open_engine());
    CHECK_EQ(workload_state(dbx_local_engine(local)), workload_states[WORKLOAD_STEPS]);
    close_engine();
}

/* One run with allocation `n` failing; false: there was none so late. */
static bool run_with(long n, bool on_disk) {
    bool failed = true;
    if (on_disk) scratch_make(directory);
    dbx_alloc_fail_after(n);
    if (!open_engine()) {
        CHECK(dbx_alloc_failed() && n < WORKLOAD_OPEN_MAX);
        CHECK(open_engine());
        close_engine();
    } else {
        failed = workload_run(dbx_local_engine(local));
        close_engine();
        if (on_disk && check_failures == 0) check_reopened(n);
    }
    if (on_disk) remove_directory();
    return failed;
}

static void check_all(bool on_disk) {
    long stride = getenv("DBX_SOAK") != NULL ? 1 : on_disk ? DISK_STRIDE : MEMORY_STRIDE;
    long n = (long)(check_seed() % (uint64_t)stride);
    if (on_disk) scratch_make(directory);
    CHECK(open_engine());
    workload_learn(dbx_local_engine(local));
    close_engine();
    if (on_disk) remove_directory();
    for (bool failed = true; failed && check_failures == 0; n += stride) {
        failed = run_with(n, on_disk);
        if (check_failures > 0) fprintf(stderr, "with allocation %ld failing\n", n);
    }
    CHECK(n > WORKLOAD_STEPS);
    printf("%ld allocations\n", n);
    workload_forget();
}

TEST(any_failed_allocation_costs_one_call_in_memory) {
    check_all(false);
}

TEST(any_failed_allocation_costs_one_call_on_disk_and_nothing_acknowledged_is_lost) {
    check_all(true);
}

/* Two writes of one turn, of which each may be refused. */
static unsigned run_pair(dbx_buf *out) {
    dbx_slice first[] = {dbx_slice_str("SET"), dbx_slice_str("x"), dbx_slice_str("1")};
    dbx_slice second[] = {dbx_slice_str("SET"), dbx_slice_str("y"), dbx_slice_str("2")};
    const dbx_call calls[] = {{.argc = 3, .argv = first}, {.argc = 3, .argv = second}};
    dbx_local_result result;
    unsigned said = 0;
    if (dbx_local_run(local, session, calls, 2, true, out, &result) != DBX_OK) return 4;
    const char *text = (const char *)out->ptr, *rest = memchr(text, '\n', out->len);
    if (text[0] == '+') said |= 1;
    if (rest != NULL && rest[1] == '+') said |= 2;
    return said;
}

static unsigned pair_held(void) {
    dbx_buf out = {0};
    dbx_slice exists[] = {dbx_slice_str("EXISTS"), dbx_slice_str("x")};
    const dbx_call call = {.argc = 2, .argv = exists};
    dbx_local_result result;
    unsigned held = 0;
    for (unsigned i = 0; i < 2; i++) {
        out.len = 0;
        CHECK_EQ(dbx_local_run(local, session, &call, 1, false, &out, &result), DBX_OK);
        if (out.len > 1 && out.ptr[1] == '1') held |= 1 + i;
        exists[1] = dbx_slice_str("y");
    }
    dbx_buf_free(&out);
    return held;
}

TEST(of_a_turn_with_a_failed_allocation_exactly_what_was_acknowledged_is_kept) {
    bool failed = true;
    for (long n = 0; failed && check_failures == 0; n++) {
        dbx_buf out = {0};
        scratch_make(directory);
        dbx_alloc_fail_after(n);
        if (open_engine()) {
            if (!workload_connect()) CHECK(workload_connect());
            unsigned said = run_pair(&out);
            failed = dbx_alloc_failed();
            dbx_alloc_fail_after(-1);
            if (said != 4) CHECK_EQ(pair_held(), said);
            close_engine();
            CHECK(open_engine() && workload_connect());
            if (said != 4) CHECK_EQ(pair_held(), said);
            close_engine();
        }
        dbx_alloc_fail_after(-1);
        dbx_buf_free(&out);
        remove_directory();
        if (check_failures > 0) fprintf(stderr, "with allocation %ld failing\n", n);
    }
}
