/* journal_sync.c: the journal's thread: syncs, prepares and deletes segments. Sleeps when there is
 * nothing to do: an idle database makes no wake-ups, writes or syncs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/journal_internal.h"
#include "store/spool.h"

enum {
    SYNC_EVERY_US = 1000000,
    SPARE_RETRY_US = 1000000,
    DUP_RETRY_NS = 10000000,
    SYNC_HERE_US_MAX = 1000 /* a sync that took longer belongs in the syncer's thread */
};

void dbx_journal_refuse(dbx_journal *j, const dbx_error *why) {
    pthread_mutex_lock(&j->mutex);
    if (!j->refused) j->refusal = *why;
    j->refused = true;
    pthread_cond_broadcast(&j->done);
    pthread_mutex_unlock(&j->mutex);
    dbx_log(DBX_LOG_WARNING, "writes are refused until the data is applied: %s", why->text);
}

int dbx_journal_sync_names(dbx_journal *j, dbx_error *error) {
    if (!atomic_exchange(&j->names_unsynced, false)) return DBX_OK;
    return dbx_file_sync_dir(j->dir, error);
}

/* Syncs closed segments, then the current one. The mutex is not held; `fds` were taken under it. */
static int sync_fds(dbx_journal *j, const dbx_segment *closed, size_t count, int fd,
                    dbx_error *error) {
    for (size_t i = 0; i < count; i++) {
        int rc = dbx_file_sync(closed[i].fd, j->dir, error);
        if (rc != DBX_OK) return rc;
    }
    int rc = dbx_journal_sync_names(j, error);
    return rc != DBX_OK ? rc : dbx_file_sync(fd, j->dir, error);
}

/* One sync of everything written so far, by whoever comes first. Called with the mutex held and
 * nobody syncing; releases the mutex meanwhile. Does not call on_progress. */
static void sync_quietly(dbx_journal *j) {
    dbx_segment *closed = j->unsynced;
    size_t count = j->unsynced_count;
    uint64_t upto = j->written;
    dbx_error error;
    /* The engine may move on to another segment meanwhile: keep a descriptor of our own. */
    int fd = dup(j->current.fd);
    if (fd < 0) { /* out of descriptors: nothing was tried, so it may be tried again */
        struct timespec pause = {.tv_nsec = DUP_RETRY_NS};
        j->urgent = true;
        pthread_cond_signal(&j->work); /* whoever we are: the syncer does not give up */
        pthread_mutex_unlock(&j->mutex);
        (void)nanosleep(&pause, NULL);
        pthread_mutex_lock(&j->mutex);
        return;
    }
    j->syncing = true;
    j->urgent = false;
    j->unsynced = NULL;
    j->unsynced_count = j->unsynced_cap = 0;
    atomic_store(&j->syncing_since_us, atomic_load(&j->unsynced_since_us));
    atomic_store(&j->unsynced_since_us, 0);
    pthread_mutex_unlock(&j->mutex);

    int64_t start_us = dbx_clock_mono_us();
    int rc = sync_fds(j, closed, count, fd, &error);
    int64_t took_us = dbx_clock_mono_us() - start_us;
    (void)close(fd);
    for (size_t i = 0; i < count; i++)
        dbx_segment_close(&closed[i]);
    dbx_alloc_free(closed);
    if (rc != DBX_OK) dbx_journal_refuse(j, &error);

    pthread_mutex_lock(&j->mutex);
    atomic_store(&j->syncing_since_us, 0);
    j->syncs++;
    j->sync_last_us = (uint64_t)took_us;
    j->syncing = false;
    if (rc == DBX_OK && upto > j->durable) atomic_store(&j->durable, upto);
    if (j->written > j->durable) pthread_cond_signal(&j->work); /* it waited for this sync's end */
    pthread_cond_broadcast(&j->done);
}

static void tell(dbx_journal *j) {
    pthread_mutex_unlock(&j->mutex);
    if (j->options.on_progress != NULL) j->options.on_progress(j->options.arg);
    pthread_mutex_lock(&j->mutex);
}

static void sync_now(dbx_journal *j) {
    sync_quietly(j);
    tell(j);
}

/* Makes a file that is not needed any more the spare: its blocks are already the log's. The old
 * header goes, so that nobody takes the file for a part of the log. */
static bool reuse(dbx_journal *j, uint64_t number) {
    static const uint8_t no_header[DBX_SEGMENT_HEADER_BYTES];
    char path[DBX_PATH_MAX];
    if (dbx_segment_path(path, j->dir, number, NULL) != DBX_OK) return false;
    int fd = dbx_file_open(path, O_RDWR, NULL);
    if (fd < 0) return false;
    bool whole = dbx_file_size(fd, path, NULL) == (int64_t)j->options.segment_bytes;
    if (!whole || dbx_file_write(fd, no_header, sizeof no_header, 0, path, NULL) != DBX_OK) {
        (void)close(fd);
        return false;
    }
    j->spare = (dbx_segment){.fd = fd, .number = number, .end = UINT64_MAX};
    return true;
}

/* Deals with one dropped file: the spare if there is none, otherwise deleted. The oldest first, so
 * that what is left has no gap, whoever reads it and whenever we are stopped. */
static void tidy(dbx_journal *j) {
    dbx_segment segment = {.fd = -1, .number = j->dropped[0]};
    j->dropped_count--;
    memmove(j->dropped, j->dropped + 1, j->dropped_count * sizeof *j->dropped);
    if (j->spare.fd < 0 && j->spare_wanted && reuse(j, segment.number)) return;
    pthread_mutex_unlock(&j->mutex);
    (void)dbx_segment_remove(j->dir, &segment, NULL);
    pthread_mutex_lock(&j->mutex);
}

/* Removes one spool's file that no segment names any more. */
static void tidy_spool(dbx_journal *j) {
    char path[DBX_PATH_MAX];
    size_t i = 0;
    while (i < j->spool_count && j->spools[i].named >= j->kept_from)
        i++;
    if (i == j->spool_count) {
        j->spools_due = false;
        return;
    }
    uint64_t id = j->spools[i].id;
    j->spools[i] = j->spools[--j->spool_count];
    pthread_mutex_unlock(&j->mutex);
    if (dbx_spool_file(path, j->options.dir, id, true, NULL) == DBX_OK) {
        (void)dbx_file_remove(path, NULL);
    }
    pthread_mutex_lock(&j->mutex);
}

static bool make_spare(dbx_journal *j) {
    dbx_segment spare;
    dbx_error error;
    uint64_t number = j->next_number++;
    pthread_mutex_unlock(&j->mutex);
    int rc = dbx_segment_create(j->dir, number, j->options.segment_bytes, true, &spare, &error);
    pthread_mutex_lock(&j->mutex);
    if (rc != DBX_OK) {
        if (!j->spare_missed) {
            dbx_log(DBX_LOG_WARNING, "the journal's next segment is not ready: %s; trying again",
                    error.text);
        }
        j->spare_missed = true;
        return false;
    }
    j->spare_missed = false;
    if (j->spare.fd >= 0) {
        (void)dbx_segment_remove(j->dir, &spare, NULL); /* the engine helped itself meanwhile */
    } else {
        j->spare = spare;
    }
    return true;
}

static void run_job(dbx_journal *j) {
    dbx_journal_job job = j->jobs[0];
    j->job_count--;
    for (size_t i = 0; i < j->job_count; i++)
        j->jobs[i] = j->jobs[i + 1];
    pthread_mutex_unlock(&j->mutex);
    job.run(job.arg);
    pthread_mutex_lock(&j->mutex);
    tell(j);
}

/* When the next sync is due, in CLOCK_MONOTONIC microseconds; INT64_MAX: nothing is waiting. */
static int64_t sync_due_us(dbx_journal *j) {
    if (j->refused || j->syncing || j->written <= j->durable) return INT64_MAX;
    if (j->urgent) return 0;
    if (j->durability != DBX_DURABILITY_EVERYSEC) return INT64_MAX;
    return atomic_load(&j->unsynced_since_us) + SYNC_EVERY_US;
}

static void sleep_until(dbx_journal *j, int64_t due_us) {
    if (due_us == INT64_MAX) {
        pthread_cond_wait(&j->work, &j->mutex);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(due_us / 1000000),
                             .tv_nsec = (long)(due_us % 1000000) * 1000};
    (void)pthread_cond_timedwait(&j->work, &j->mutex, &until);
}

void *dbx_journal_syncer(void *arg) {
    dbx_journal *j = arg;
    int64_t spare_retry_us = 0;
    pthread_mutex_lock(&j->mutex);
    while (!j->stop) {
        int64_t now_us = dbx_clock_mono_us();
        int64_t due_us = sync_due_us(j);
        if (due_us <= now_us) {
            sync_now(j);
        } else if (j->job_count > 0) {
            run_job(j);
        } else if (j->dropped_count > 0) {
            tidy(j);
        } else if (j->spools_due) { /* after the segments that name them */
            tidy_spool(j);
        } else if (j->spare_wanted && j->spare.fd < 0 && spare_retry_us <= now_us) {
            spare_retry_us = make_spare(j) ? 0 : now_us + SPARE_RETRY_US;
        } else {
            if (j->spare_wanted && j->spare.fd < 0 && spare_retry_us < due_us) {
                due_us = spare_retry_us;
            }
            sleep_until(j, due_us);
        }
    }
    while (j->job_count > 0)
        run_job(j); /* each holds something that it lets go of */
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}

bool dbx_journal_push(dbx_journal *j) {
    bool here = false;
    pthread_mutex_lock(&j->mutex);
    if (j->written > j->durable && !j->refused) {
        here = j->durability == DBX_DURABILITY_ALWAYS && !j->syncing && j->syncs > 0 &&
               j->sync_last_us <= SYNC_HERE_US_MAX;
        if (here) {
            sync_quietly(j);
            if (j->refused) tell(j);
        } else {
            j->urgent = true;
            pthread_cond_signal(&j->work);
        }
    }
    pthread_mutex_unlock(&j->mutex);
    return here;
}

/* Who waits first syncs for all who wait. The mutex is held. */
static void sync_or_wait(dbx_journal *j) {
    if (!j->syncing && !j->refused && j->written > j->durable) {
        sync_now(j);
    } else {
        pthread_cond_wait(&j->done, &j->mutex);
    }
}

int dbx_journal_wait(dbx_journal *j, uint64_t position) {
    pthread_mutex_lock(&j->mutex);
    while (atomic_load(&j->durable) < position && !j->stop)
        sync_or_wait(j);
    pthread_mutex_unlock(&j->mutex);
    return atomic_load(&j->durable) >= position ? DBX_OK : DBX_ESTOPPED;
}

void dbx_journal_settle(dbx_journal *j, uint64_t position) {
    pthread_mutex_lock(&j->mutex);
    while (atomic_load(&j->durable) < position && !j->refused && !j->stop)
        sync_or_wait(j);
    pthread_mutex_unlock(&j->mutex);
}

int dbx_journal_sync_all(dbx_journal *j, dbx_error *error) {
    if (j->written <= j->durable) return DBX_OK;
    int rc = sync_fds(j, j->unsynced, j->unsynced_count, j->current.fd, error);
    if (rc == DBX_OK) atomic_store(&j->durable, j->written);
    return rc;
}
