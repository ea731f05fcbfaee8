/* test_journal.c: the log when writing, syncing or a descriptor fails, and when a sync meets a
 * segment's end. The system calls stand in for the real ones and fail when they are told to. */
#include "check.h"
#include "file_limit.h"
#include "scratch.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "store/keyspace.h"
#include "store/store.h"
#include "store/txn.h"

enum {
    LOG_BYTES = 8 << 20, /* before it is applied; a segment is a quarter of it */
    FRAME = 900000,      /* two fit a segment */
    WAIT_MS_MAX = 60000
};

/* --- System calls ------------------------------------------------------------------------------
 */

static atomic_int failing_syncs, failing_dups; /* how many of the next ones fail */
static atomic_int failing_write;               /* the n-th next write to the log fails; 0: none */
static atomic_int failing_truncates;
static atomic_int failing_data;    /* how many of the next writes to data.mdbx find no room */
static _Atomic uint64_t free_said; /* what the file system says is free; 0: the truth */
static atomic_bool slow_headers;
static atomic_bool syncs_wait; /* those of the log do not end */

static atomic_bool data_waits; /* a sync of data.mdbx does not end; small commits have none */
static atomic_bool data_syncs; /* one is waiting */

static bool is_log(int fd) {
    return is_below(fd, "/journal/");
}

static bool take(atomic_int *left) {
    int n = atomic_load(left);
    while (n > 0 && !atomic_compare_exchange_weak(left, &n, n - 1)) {
    }
    return n > 0;
}

int fdatasync(int fd) {
    if (is_log(fd)) {
        char magic[8];
        bool used = pread(fd, magic, sizeof magic, 0) == sizeof magic && magic[0] == 'D';
        while (used && atomic_load(&syncs_wait))
            pause_ms(1);
        if (!used || !take(&failing_syncs)) return 0; /* the tests need no disk */
        errno = EIO;
        return -1;
    }
    while (atomic_load(&data_waits) && is_below(fd, "/data.mdbx")) {
        atomic_store(&data_syncs, true);
        pause_ms(1);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int dup(int fd) {
    if (take(&failing_dups)) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_dup, fd);
}

static bool lacks_room(int fd) {
    if (!is_below(fd, "/data.mdbx") || !take(&failing_data)) return false;
    errno = ENOSPC;
    return true;
}

/* libmdbx writes so. */
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
    return lacks_room(fd) ? -1 : (ssize_t)syscall(SYS_pwritev, fd, parts, count, at, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) {
    return lacks_room(fd) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, at);
}

int statvfs(const char *path, struct statvfs *out) {
    struct statfs found;
    if (statfs(path, &found) != 0) return -1;
    *out = (struct statvfs){.f_bsize = (unsigned long)found.f_bsize,
                            .f_frsize = (unsigned long)found.f_bsize,
                            .f_blocks = found.f_blocks,
                            .f_bavail = found.f_bavail};
    uint64_t said = atomic_load(&free_said);
    if (said > 0) out->f_bavail = said / out->f_frsize;
    return 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    if (is_log(fd)) {
        if (atomic_load(&slow_headers) && at == 0) {
            struct timespec pause = {.tv_nsec = 300000};
            (void)nanosleep(&pause, NULL);
        }
        if (atomic_load(&failing_write) > 0 && atomic_fetch_sub(&failing_write, 1) == 1) {
            errno = ENOSPC;
            return -1;
        }
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, at);
}

int ftruncate(int fd, off_t bytes) {
    if (is_log(fd) && take(&failing_truncates)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, bytes);
}

/* --- A store ------------------------------------------------------------------------------------
 */

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_durability durability;
    size_t buffer_bytes;
    dbx_store *store;
    unsigned replayed, next;
    uint64_t first;   /* position */
    atomic_uint told; /* how often on_progress() was called */
} world;

static void on_progress(void *arg) {
    world *w = arg;
    atomic_fetch_add(&w->told, 1);
}

static int put_again(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                     dbx_error *error) {
    world *w = arg;
    dbx_slice none = {NULL, 0};
    (void)db, (void)argc, (void)error;
    w->replayed++;
    return dbx_txn_put(txn, argv[0], none, none);
}

static int try_start(world *w, dbx_error *error) {
    dbx_store_options options = {.path = w->dir,
                                 .durability = w->durability,
                                 .databases = 2,
                                 .buffer_bytes = w->buffer_bytes,
                                 .journal_bytes = LOG_BYTES,
                                 .on_progress = on_progress,
                                 .arg = w};
    const dbx_replay_calls calls = {.run = put_again, .arg = w};
    w->replayed = 0;
    int rc = dbx_store_open(&options, &w->store, error);
    return rc == DBX_OK ? dbx_store_replay(w->store, &calls, error) : rc;
}

static void start(world *w) {
    dbx_error error;
    if (try_start(w, &error) == DBX_OK) return;
    fprintf(stderr, "%s\n", error.text);
    abort();
}

static void prepare(world *w, dbx_durability durability) {
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    w->durability = durability;
    start(w);
}

static void restart(world *w) {
    dbx_error error;
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
    start(w);
}

static void clean_up(world *w) {
    dbx_error error;
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
    scratch_remove(w->dir);
}

/* One turn of `count` commands with effects of `pad` bytes; without `put` they change nothing. */
static int run_turn(world *w, unsigned count, size_t pad, bool put, dbx_error *error) {
    static uint8_t bytes[1 << 20];
    dbx_slice none = {NULL, 0};
    dbx_txn *txn = dbx_store_turn_begin(w->store, dbx_store_now_ms(w->store));
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "V%07u", w->next++);
        dbx_slice argv[] = {dbx_slice_of(name, (size_t)n), dbx_slice_of(bytes, pad)};
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        if (put) CHECK_EQ(dbx_txn_put(txn, argv[0], none, none), DBX_OK);
        CHECK_EQ(dbx_txn_effect(txn, 0, 2, argv), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
    }
    return dbx_store_turn_end(w->store, error);
}

/* The first `count` keys are there. */
static void check_keys(const world *w, unsigned count) {
    dbx_error error;
    dbx_txn *txn = dbx_store_turn_begin(w->store, dbx_store_now_ms(w->store));
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        dbx_slice value;
        int n = snprintf(name, sizeof name, "V%07u", i);
        CHECK_EQ(dbx_txn_get(txn, dbx_slice_of(name, (size_t)n), &value), DBX_OK);
    }
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

static bool becomes_writable(const world *w) {
    dbx_error error;
    for (int ms = 0; ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w->store);
        if (dbx_store_writable(w->store, &error) == DBX_OK) return true;
        pause_ms(1);
    }
    return false;
}

/* As a server's loop does: looks again when it was told to, or when something is reported. */
static bool becomes_writable_in_a_loop(const world *w) {
    dbx_error error;
    for (int ms = 0; ms < WAIT_MS_MAX;) {
        unsigned told = atomic_load(&w->told);
        int64_t left_ms = dbx_store_tick(w->store);
        bool forever = left_ms < 0;
        if (dbx_store_writable(w->store, &error) == DBX_OK) return true;
        do {
            pause_ms(1);
            ms++;
            left_ms--;
        } while ((forever || left_ms > 0) && atomic_load(&w->told) == told && ms < WAIT_MS_MAX);
    }
    return false;
}

/* A turn whose sync fails. */
static void fail_a_sync(world *w, int syncs, bool put) {
    dbx_error error;
    atomic_store(&failing_syncs, syncs);
    CHECK_EQ(run_turn(w, 1, 10, put, &error), DBX_OK);
    dbx_store_push(w->store);
    for (int ms = 0; dbx_store_writable(w->store, &error) == DBX_OK && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
    CHECK_EQ(dbx_store_writable(w->store, &error), DBX_EREADONLY);
    CHECK(dbx_store_durable(w->store) < dbx_store_position(w->store));
}

/* --- Rules --------------------------------------------------------------------------------------
 */

TEST(a_refused_log_begins_anew_when_what_was_written_is_applied) {
    world w;
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    fail_a_sync(&w, 1, true);
    CHECK(becomes_writable(&w));
    restart(&w);
    CHECK_EQ(w.replayed, 0); /* it was applied */
    clean_up(&w);
}

TEST(a_refused_log_begins_anew_when_there_is_nothing_to_apply) {
    world w;
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    fail_a_sync(&w, 1, false);
    CHECK(becomes_writable(&w));
    clean_up(&w);
}

/* The segments between where the log ended before this start and where it begins anew go. */
TEST(a_log_refused_at_the_first_turn_of_a_start_begins_anew_where_the_next_start_finds_it) {
    world w;
    dbx_error error;
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
    for (int turns = 0; turns < 2; turns++) {
        restart(&w);
        atomic_store(&failing_write, 1);
        atomic_store(&failing_truncates, 1);
        CHECK(run_turn(&w, 1, 10, true, &error) != DBX_OK);
        CHECK_EQ(dbx_store_writable(w.store, &error), DBX_EREADONLY);
        CHECK(becomes_writable(&w));
        w.next -= 1;
        for (int i = 0; i < turns; i++)
            CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
    }
    restart(&w);
    CHECK_EQ(w.replayed, 1);
    check_keys(&w, 2);
    clean_up(&w);
}

TEST(a_refused_log_that_cannot_begin_anew_tries_again) {
    world w;
    dbx_error error;
    dbx_store_info info = {.position = 1};
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    fail_a_sync(&w, INT_MAX, true); /* and those of new segments */
    for (int ms = 0; info.applied != info.position && ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w.store);
        dbx_store_get_info(w.store, &info);
        pause_ms(1);
    }
    CHECK_EQ(dbx_store_writable(w.store, &error), DBX_EREADONLY);
    atomic_store(&failing_syncs, 0);
    CHECK(becomes_writable_in_a_loop(&w)); /* or there is another apply by now */
    clean_up(&w);
}

/* Freezes what has been written, and holds its apply at the end of its commit: a sync of the log
 * that is to fail is not the one before that. */
static void hold_an_apply(world *w) {
    atomic_store(&data_syncs, false);
    atomic_store(&data_waits, true);
    (void)dbx_store_freeze(w->store, false);
    (void)dbx_store_tick(w->store);
    for (int ms = 0; !atomic_load(&data_syncs) && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
    CHECK(atomic_load(&data_syncs));
}

TEST(a_refused_log_does_not_begin_anew_before_all_of_it_is_applied) {
    enum { KEYS = 6000 };
    world w;
    dbx_error error;
    dbx_store_info info = {.applied = 0};
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    CHECK_EQ(run_turn(&w, KEYS, 10, true, &error), DBX_OK);
    hold_an_apply(&w);
    fail_a_sync(&w, 1, true); /* of a turn that is not in the frozen buffer */
    atomic_store(&data_waits, false);
    for (int ms = 0; info.applied == 0 && ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w.store);
        dbx_store_get_info(w.store, &info);
        pause_ms(1);
    }
    CHECK(info.applied > 0);
    CHECK_EQ(dbx_store_writable(w.store, &error), DBX_EREADONLY);
    CHECK(becomes_writable(&w));
    restart(&w);
    CHECK_EQ(w.replayed, 0);
    check_keys(&w, KEYS + 1);
    clean_up(&w);
}

TEST(nothing_is_appended_to_a_refused_log) {
    world w;
    dbx_error error;
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    fail_a_sync(&w, 1, true);
    uint64_t position = dbx_store_position(w.store);
    /* Expiry does not ask whether writes are refused. The turn's begin may be what begins anew. */
    dbx_txn *txn = dbx_store_turn_begin(w.store, 1);
    dbx_slice argv[] = {dbx_slice_str("Vx")};
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_txn_effect(txn, 0, 1, argv), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_EREADONLY);
    CHECK_EQ(dbx_store_position(w.store), position);
    CHECK(becomes_writable(&w));
    clean_up(&w);
}

TEST(a_failed_turn_of_several_segments_leaves_nothing_in_the_log) {
    for (int write = 2; write <= 7; write++) {
        world w;
        dbx_error error;
        prepare(&w, DBX_DURABILITY_NONE);
        CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
        uint64_t position = dbx_store_position(w.store);
        atomic_store(&failing_write, write); /* a frame, or a segment's header */
        CHECK_EQ(run_turn(&w, 5, FRAME, true, &error), DBX_ENOSPC);
        CHECK_EQ(dbx_store_position(w.store), position);
        /* The log goes on over the positions that the failed turn had. */
        for (unsigned i = 0; i < 7; i++)
            CHECK_EQ(run_turn(&w, 1, FRAME, true, &error), DBX_OK);
        restart(&w);
        CHECK_EQ(w.replayed, 8);
        restart(&w);
        CHECK_EQ(w.replayed, 8);
        clean_up(&w);
    }
}

static void put_one_synced(world *w) {
    dbx_error error;
    CHECK_EQ(run_turn(w, 1, 10, true, &error), DBX_OK);
    CHECK_EQ(dbx_store_wait_durable(w->store, dbx_store_position(w->store)), DBX_OK);
}

/* Each of them leaves a segment that begins where the turn did. */
TEST(what_is_written_after_two_failed_turns_of_several_segments_is_found_at_every_start) {
    for (int write = 3; write <= 7; write++) {
        for (unsigned before = 1; before < 6; before += 2) {
            world w;
            dbx_error error;
            prepare(&w, DBX_DURABILITY_NONE);
            for (unsigned i = 0; i < before; i++)
                CHECK_EQ(run_turn(&w, 1, FRAME, true, &error), DBX_OK);
            for (int i = 0; i < 2; i++) {
                atomic_store(&failing_write, write);
                CHECK_EQ(run_turn(&w, 5, FRAME, true, &error), DBX_ENOSPC);
            }
            for (unsigned starts = 1; starts <= 2; starts++) {
                put_one_synced(&w);
                restart(&w);
                CHECK_EQ(w.replayed, before + starts);
            }
            clean_up(&w);
        }
    }
}

static dbx_store_info info_of(const world *w) {
    dbx_store_info info;
    dbx_store_get_info(w->store, &info);
    return info;
}

static void await_a_failed_apply(const world *w) {
    uint64_t failures = info_of(w).apply_failures;
    for (int ms = 0; info_of(w).apply_failures == failures && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
}

/* The engine may look only when it is over. */
TEST(writes_go_on_after_an_apply_that_found_no_room_at_first) {
    world w;
    dbx_error error;
    prepare(&w, DBX_DURABILITY_NONE);
    for (unsigned i = 0; i < 20; i++)
        CHECK_EQ(run_turn(&w, 1, 100, true, &error), DBX_OK);
    uint64_t applies = info_of(&w).applies;
    atomic_store(&failing_data, INT_MAX);
    atomic_store(&free_said, 1 << 20);
    CHECK(dbx_store_freeze(w.store, true));
    (void)dbx_store_tick(w.store);
    await_a_failed_apply(&w);
    (void)dbx_store_tick(w.store); /* gives the ballast */
    await_a_failed_apply(&w);
    atomic_store(&failing_data, 0);
    for (int ms = 0; info_of(&w).applies == applies && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
    CHECK_EQ(info_of(&w).applies, applies + 1);
    (void)dbx_store_tick(w.store);
    atomic_store(&free_said, 0);
    CHECK(becomes_writable(&w));
    clean_up(&w);
}

static void await_durable(const world *w) {
    for (int ms = 0; dbx_store_durable(w->store) < dbx_store_position(w->store) && ms < WAIT_MS_MAX;
         ms++)
        pause_ms(1);
    CHECK_EQ(dbx_store_durable(w->store), dbx_store_position(w->store));
}

/* From the second sync on who pushes does it himself. */
static void prepare_to_sync_here(world *w) {
    dbx_error error;
    prepare(w, DBX_DURABILITY_ALWAYS);
    CHECK_EQ(run_turn(w, 1, 10, true, &error), DBX_OK);
    CHECK_EQ(dbx_store_wait_durable(w->store, dbx_store_position(w->store)), DBX_OK);
}

static void run_out_of_descriptors(world *w) {
    dbx_error error;
    CHECK_EQ(run_turn(w, 1, 10, true, &error), DBX_OK);
    atomic_store(&failing_dups, 3);
    pause_ms(5); /* the syncer sleeps */
    (void)dbx_store_push(w->store);
    await_durable(w);
    CHECK_EQ(atomic_load(&failing_dups), 0);
    CHECK_EQ(dbx_store_writable(w->store, &error), DBX_OK);
    clean_up(w);
}

TEST(running_out_of_descriptors_delays_a_sync_but_does_not_fail_it) {
    world w;
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    run_out_of_descriptors(&w);
    prepare_to_sync_here(&w);
    run_out_of_descriptors(&w);
}

TEST(who_syncs_himself_is_not_told_of_it_unless_it_failed) {
    enum { TRIES = 1000 };
    world w;
    dbx_error error;
    bool quiet = false; /* at least once: the applier may tell, too */
    prepare_to_sync_here(&w);
    for (int i = 0; i < TRIES && !quiet; i++) {
        CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
        unsigned told = atomic_load(&w.told);
        if (!dbx_store_push(w.store)) { /* the last one took long: the syncer does it */
            await_durable(&w);
            continue;
        }
        CHECK_EQ(dbx_store_durable(w.store), dbx_store_position(w.store));
        quiet = atomic_load(&w.told) == told;
    }
    CHECK(quiet);
    unsigned told = atomic_load(&w.told);
    fail_a_sync(&w, 1, true);
    for (int ms = 0; atomic_load(&w.told) == told && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
    CHECK(atomic_load(&w.told) > told);
    CHECK(becomes_writable(&w));
    clean_up(&w);
}

static void *wait_for_first(void *arg) {
    world *w = arg;
    CHECK_EQ(dbx_store_wait_durable(w->store, w->first), DBX_OK);
    return NULL;
}

TEST(what_is_pushed_while_somebody_else_syncs_is_synced_after_that) {
    world w;
    dbx_error error;
    pthread_t waiter;
    prepare(&w, DBX_DURABILITY_ALWAYS);
    atomic_store(&syncs_wait, true);
    CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
    w.first = dbx_store_position(w.store);
    CHECK_EQ(pthread_create(&waiter, NULL, wait_for_first, &w), 0);
    pause_ms(20); /* it is in the sync, most likely */
    CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
    (void)dbx_store_push(w.store);
    pause_ms(20); /* the syncer sees that it has to wait */
    atomic_store(&syncs_wait, false);
    CHECK_EQ(pthread_join(waiter, NULL), 0);
    await_durable(&w);
    clean_up(&w);
}

typedef struct pusher {
    dbx_store *store;
    atomic_bool stop;
} pusher;

static void *push_all_the_time(void *arg) {
    pusher *p = arg;
    while (!atomic_load(&p->stop))
        dbx_store_push(p->store);
    return NULL;
}

TEST(a_segment_may_end_while_a_sync_is_going_on) {
    enum { TURNS = 120 };
    world w;
    dbx_error error;
    prepare(&w, DBX_DURABILITY_ALWAYS);
    pusher p = {.store = w.store};
    pthread_t thread;
    atomic_store(&slow_headers, true);
    if (pthread_create(&thread, NULL, push_all_the_time, &p) != 0) abort();
    for (int i = 0; i < TURNS; i++)
        CHECK_EQ(run_turn(&w, 1, FRAME, true, &error), DBX_OK);
    atomic_store(&p.stop, true);
    (void)pthread_join(thread, NULL);
    atomic_store(&slow_headers, false);
    CHECK_EQ(dbx_store_wait_durable(w.store, dbx_store_position(w.store)), DBX_OK);
    restart(&w);
    check_keys(&w, TURNS);
    clean_up(&w);
}

TEST(a_finished_apply_is_noticed_however_closely_it_is_watched) {
    enum { APPLIES = 200 };
    world w;
    dbx_error error;
    dbx_store_info info = {.applies = 0};
    prepare(&w, DBX_DURABILITY_NONE);
    for (unsigned i = 0; i < APPLIES; i++) {
        CHECK_EQ(run_turn(&w, 1, 10, true, &error), DBX_OK);
        (void)dbx_store_freeze(w.store, false);
        time_t until = time(NULL) + WAIT_MS_MAX / 1000;
        do {
            (void)dbx_store_tick(w.store);
            dbx_store_get_info(w.store, &info);
        } while (info.applied != info.position && time(NULL) < until);
        CHECK_EQ(info.applied, info.position);
        if (info.applied != info.position) break;
    }
    clean_up(&w);
}

TEST(swapping_databases_alone_is_applied_some_day) {
    world w;
    dbx_error error;
    dbx_slice argv[] = {dbx_slice_str("SWAPDB"), dbx_slice_str("0"), dbx_slice_str("1")};
    prepare(&w, DBX_DURABILITY_NONE);
    dbx_txn *txn = dbx_store_turn_begin(w.store, dbx_store_now_ms(w.store));
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_db_swap(txn, 0, 1), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, 0, 3, argv), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    CHECK(dbx_store_tick(w.store) >= 0); /* it has an age now */
    clean_up(&w);
}

TEST(writes_are_refused_when_the_log_grows_while_nothing_is_applied) {
    enum { TURNS = 40, KEYS = 6000 }; /* twice the log's bound, and what large turns may add */
    world w;
    dbx_error error;
    prepare(&w, DBX_DURABILITY_NONE);
    CHECK_EQ(run_turn(&w, KEYS, 10, true, &error), DBX_OK);
    hold_an_apply(&w);
    for (unsigned i = 0; i < TURNS; i++) {
        if (i < TURNS / 4) CHECK_EQ(dbx_store_writable(w.store, &error), DBX_OK);
        CHECK_EQ(run_turn(&w, 1, FRAME, false, &error), DBX_OK);
    }
    CHECK_EQ(dbx_store_writable(w.store, &error), DBX_ENOSPC);
    atomic_store(&data_waits, false);
    CHECK(becomes_writable(&w));
    clean_up(&w);
}

TEST(a_replay_that_cannot_be_applied_on_the_way_ends_with_why) {
    enum { KEYS = 6000, FILE_BYTES_MAX = 128 << 10 };
    world w;
    dbx_error error = {0};
    prepare(&w, DBX_DURABILITY_NONE);
    CHECK_EQ(run_turn(&w, KEYS, 10, true, &error), DBX_OK);
    CHECK_EQ(run_turn(&w, KEYS, 10, true, &error), DBX_OK);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    w.buffer_bytes = 64 << 10;
    limit_files(FILE_BYTES_MAX);
    CHECK_EQ(try_start(&w, &error), DBX_EIO);
    CHECK(strstr(error.text, "data.mdbx") != NULL);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    limit_files(RLIM_INFINITY);
    start(&w);
    check_keys(&w, 2 * KEYS);
    clean_up(&w);
}
