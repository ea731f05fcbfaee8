/* spool.c: see store.h and spool.h. */
#include "store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/num.h"
#include "store/apply.h"
#include "store/internal.h"
#include "store/journal.h"
#include "store/limits.h"
#include "store/spool_survey.h"

struct dbx_spool {
    dbx_store *store;
    uint64_t id;
    bool in_memory;
    int fd;        /* -1: none, or not needed any more: the mapping stays */
    uint8_t *base; /* mapped, or allocated when in memory */
    size_t cap;    /* bytes at `base`; the file may end earlier: see `len` */
    size_t len;    /* bytes that may be used: what was asked for, not what was reserved */
    atomic_size_t refs;
    _Atomic int synced; /* 0: not yet; 1: durable, under its final name; negative: failed */
    bool sync_asked;
    bool journalled;     /* some frame names it */
    dbx_journal *keeper; /* when applied log is kept: who sees to the file after us; NULL: nobody */
    uint64_t named;      /* position: not behind any frame that names it */
};

static const char RECEIVED[] = ".part", DURABLE[] = ".spool";

enum { SPOOL_GROW_BYTES = 4 << 20, SPOOL_NAME_BYTES = 64 };

int dbx_spool_file(char out[DBX_PATH_MAX], const char *dir, uint64_t id, bool durable,
                   dbx_error *error) {
    char name[SPOOL_NAME_BYTES];
    (void)snprintf(name, sizeof name, "spool/%" PRIu64 "%s", id, durable ? DURABLE : RECEIVED);
    return dbx_file_path(out, dir, name, error);
}

static int spool_path(const dbx_spool *spool, bool durable, char out[DBX_PATH_MAX],
                      dbx_error *error) {
    return dbx_spool_file(out, spool->store->options.path, spool->id, durable, error);
}

static dbx_spool *new_spool(dbx_store *store, uint64_t id) {
    dbx_spool *spool = dbx_alloc_zero(1, sizeof *spool);
    if (spool == NULL) return NULL;
    spool->store = store;
    spool->id = id;
    spool->fd = -1;
    atomic_init(&spool->refs, 1);
    return spool;
}

/* A thousand values may wait for an apply: they must not hold a thousand descriptors. */
static void close_file(dbx_spool *spool) {
    if (spool->fd >= 0) (void)close(spool->fd);
    spool->fd = -1;
}

/* Gives back what was reserved beyond the bytes in use. Nothing looks at the mapping behind them.
 */
static int cut(dbx_spool *spool, const char *path, dbx_error *error) {
    if (spool->cap == spool->len) return DBX_OK;
    return dbx_file_truncate(spool->fd, spool->len, path, error);
}

void dbx_spool_seal(dbx_spool *spool, size_t len) {
    spool->store->spool_bytes -= spool->len - len;
    spool->len = len;
    if (spool->fd >= 0) (void)cut(spool, "a spool", NULL); /* a failure costs space for a while */
    close_file(spool);
}

int dbx_spool_open(dbx_store *store, dbx_spool **out, dbx_error *error) {
    char path[DBX_PATH_MAX];
    dbx_spool *spool = new_spool(store, ++store->last_spool);
    if (spool == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    if (store->env != NULL) {
        int rc = spool_path(spool, false, path, error);
        if (rc == DBX_OK) spool->fd = dbx_file_open(path, O_RDWR | O_CREAT | O_EXCL, error);
        if (rc != DBX_OK || spool->fd < 0) {
            dbx_alloc_free(spool);
            return rc != DBX_OK ? rc : DBX_EIO;
        }
    } else {
        spool->synced = 1;
        spool->in_memory = true;
    }
    *out = spool;
    return DBX_OK;
}

/* Maps the file's first `cap` bytes; an existing mapping may move. */
static int map_file(dbx_spool *spool, size_t cap, dbx_error *error) {
    void *base = spool->base == NULL
                     ? mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_SHARED, spool->fd, 0)
                     : mremap(spool->base, spool->cap, cap, MREMAP_MAYMOVE);
    if (base == MAP_FAILED) return dbx_file_error(errno, "map", "a spool", error);
    spool->base = base;
    spool->cap = cap;
    return DBX_OK;
}

static uint8_t *use(dbx_spool *spool, size_t len) {
    if (len > spool->len) {
        spool->store->spool_bytes += len - spool->len;
        spool->len = len;
    }
    return spool->base;
}

uint8_t *dbx_spool_reserve(dbx_spool *spool, size_t len, size_t more, dbx_error *error) {
    if (more <= spool->cap - len) return use(spool, len + more);
    if (more > SIZE_MAX - len - SPOOL_GROW_BYTES) {
        (void)dbx_error_set(error, DBX_ELIMIT, "the command is too large");
        return NULL;
    }
    size_t cap = (len + more + SPOOL_GROW_BYTES - 1) / SPOOL_GROW_BYTES * SPOOL_GROW_BYTES;
    if (spool->in_memory) {
        uint8_t *grown = dbx_alloc_resize(spool->base, cap);
        if (grown == NULL) {
            (void)dbx_error_set(error, DBX_ENOMEM, "out of memory");
            return NULL;
        }
        spool->base = grown;
        spool->cap = cap;
        return use(spool, len + more);
    }
    /* The blocks are reserved before they are written through the mapping: a full disk is an error
     * here, not a signal there. */
    int rc = dbx_file_allocate(spool->fd, cap, "a large value", error);
    if (rc == DBX_OK) rc = map_file(spool, cap, error);
    return rc == DBX_OK ? use(spool, len + more) : NULL;
}

bool dbx_spool_holds(const dbx_spool *spool, dbx_slice bytes) {
    uintptr_t base = (uintptr_t)spool->base, at = (uintptr_t)bytes.ptr;
    return at >= base && at - base <= spool->len && bytes.len <= spool->len - (at - base);
}

bool dbx_spool_part(const dbx_spool *spool, uint64_t offset, uint64_t len, dbx_slice *bytes) {
    if (offset > spool->len || len > spool->len - offset) return false;
    *bytes = dbx_slice_of(spool->base + offset, (size_t)len);
    return true;
}

uint64_t dbx_spool_id(const dbx_spool *spool) {
    return spool->id;
}

bool dbx_spool_named(const dbx_spool *spool) {
    return spool->journalled && spool->synced == 1;
}

uint64_t dbx_spool_offset(const dbx_spool *spool, dbx_slice value) {
    return (uint64_t)(value.ptr - spool->base);
}

void dbx_spool_ref(dbx_spool *spool) {
    atomic_fetch_add(&spool->refs, 1);
}

void dbx_spool_unref(dbx_spool *spool) {
    char path[DBX_PATH_MAX];
    if (atomic_fetch_sub(&spool->refs, 1) > 1) return;
    if (spool->in_memory) {
        dbx_alloc_free(spool->base);
        dbx_alloc_free(spool);
        return;
    }
    if (spool->base != NULL) munmap(spool->base, spool->cap);
    close_file(spool);
    /* What the journal names must outlive a stop; what it has no need of goes. */
    bool closing = atomic_load(&spool->store->keep_spools);
    bool kept = spool->journalled && (closing || spool->store->options.journal_keep_bytes > 0);
    if (!kept && spool_path(spool, spool->synced == 1, path, NULL) == DBX_OK) {
        (void)dbx_file_remove(path, NULL);
    } else if (kept && !closing && spool->keeper != NULL) {
        dbx_journal_keep_spool(spool->keeper, spool->id, spool->len, spool->named);
    }
    dbx_alloc_free(spool);
}

void dbx_spool_close(dbx_spool *spool) {
    dbx_spool_unref(spool);
}

/* --- Durability
 * ----------------------------------------------------------------------------------- */

/* In the syncer's thread: the length, the bytes, then the final name, then the directory. */
static void sync_spool(void *arg) {
    char part[DBX_PATH_MAX], final[DBX_PATH_MAX], dir[DBX_PATH_MAX];
    dbx_spool *spool = arg;
    int rc = spool_path(spool, false, part, NULL);
    if (rc == DBX_OK) rc = spool_path(spool, true, final, NULL);
    if (rc == DBX_OK) rc = dbx_file_path(dir, spool->store->options.path, "spool", NULL);
    if (rc == DBX_OK) rc = cut(spool, part, NULL);
    if (rc == DBX_OK) rc = dbx_file_sync(spool->fd, part, NULL);
    close_file(spool);
    if (rc == DBX_OK) rc = dbx_file_rename(part, final, NULL);
    if (rc == DBX_OK) rc = dbx_file_sync_dir(dir, NULL);
    atomic_store(&spool->synced, rc == DBX_OK ? 1 : rc);
    dbx_spool_unref(spool);
}

/* Large values take no memory, so writers of others need not be slowed for them; but they take disk
 * until they are applied: 1: they have to wait for the applier, or why they cannot. */
static int backed_up(const dbx_store *store) {
    dbx_applier_stats stats;
    if (store->live.frozen == NULL || store->live.active->spool_bytes < store->buffer_bytes_max) {
        return 0;
    }
    dbx_applier_get_stats(store->applier, &stats);
    return stats.last_error[0] == '\0' ? 1 : DBX_EIO;
}

int dbx_spool_ready(dbx_spool *spool) {
    int synced = atomic_load(&spool->synced);
    if (synced != 0 || spool->sync_asked)
        return synced; /* once it may run, nothing holds it back */
    int waits = backed_up(spool->store);
    if (waits != 0) return waits < 0 ? waits : 0;
    if (!dbx_room_fits(spool->store, spool->len)) return DBX_ENOSPC;
    dbx_spool_ref(spool);
    if (dbx_journal_request_job(spool->store->journal, sync_spool, spool) != DBX_OK) {
        dbx_spool_unref(spool);
        return 0; /* the queue is full: ask again */
    }
    spool->sync_asked = true;
    return 0;
}

/* --- The journal
 * ---------------------------------------------------------------------------------- */

bool dbx_spool_effect(dbx_buf *effects, dbx_spool *spool, size_t argc, const dbx_slice *argv) {
    bool named = false;
    dbx_buf_printf(effects, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        if (argv[i].len >= DBX_REFER_MIN && !spool->in_memory && dbx_spool_holds(spool, argv[i])) {
            char text[SPOOL_NAME_BYTES + 32];
            int n = snprintf(text, sizeof text, "spl:%" PRIu64 ",%zu,%zu", spool->id,
                             (size_t)(argv[i].ptr - spool->base), argv[i].len);
            dbx_buf_printf(effects, "=%d\r\n%s\r\n", n, text);
            named = true;
        } else {
            dbx_buf_printf(effects, "$%zu\r\n", argv[i].len);
            dbx_buf_add(effects, argv[i].ptr, argv[i].len);
            dbx_buf_add(effects, "\r\n", 2);
        }
    }
    if (named && !spool->journalled) {
        spool->journalled = true;
        spool->keeper = spool->store->journal;
        spool->named = dbx_journal_name_spool(spool->keeper, spool->len);
    }
    return named;
}

int dbx_spool_load(dbx_store *store, uint64_t id, dbx_spool **out, dbx_error *error) {
    char path[DBX_PATH_MAX];
    dbx_spool *spool = new_spool(store, id);
    if (spool == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    spool->synced = 1;
    spool->journalled = true;
    int rc = spool_path(spool, true, path, error);
    if (rc == DBX_OK) spool->fd = dbx_file_open(path, O_RDWR, error);
    int64_t size = rc == DBX_OK && spool->fd >= 0 ? dbx_file_size(spool->fd, path, error) : -1;
    if (size <= 0 || map_file(spool, (size_t)size, error) != DBX_OK) {
        if (spool->fd >= 0) (void)close(spool->fd);
        dbx_alloc_free(spool);
        return dbx_error_set(error, DBX_ECORRUPT,
                             "the journal names %s, which cannot be read: restore the directory "
                             "from a backup",
                             path);
    }
    close_file(spool);
    spool->len = (size_t)size;
    *out = spool;
    return DBX_OK;
}

static bool holds(const dbx_buffer *buffer, uint64_t id) {
    for (size_t i = 0; buffer != NULL && i < buffer->spool_count; i++) {
        if (buffer->spools[i]->id == id) return true;
    }
    return false;
}

/* Calls `unneeded` for the files in the spools' folder and removes those it says are; ids go on
 * from the highest met. */
static int each_file(dbx_store *store,
                     bool (*unneeded)(dbx_store *store, uint64_t id, bool durable, void *arg),
                     void *arg, dbx_error *error) {
    char dir[DBX_PATH_MAX], path[DBX_PATH_MAX];
    int rc = dbx_file_path(dir, store->options.path, "spool", error);
    DIR *listing = rc == DBX_OK ? opendir(dir) : NULL;
    struct dirent *entry;
    if (listing == NULL) return rc;
    while (rc == DBX_OK && (entry = readdir(listing)) != NULL) {
        char *end;
        unsigned long long id = strtoull(entry->d_name, &end, 10);
        bool durable = strcmp(end, DURABLE) == 0;
        if (end == entry->d_name || (!durable && strcmp(end, RECEIVED) != 0)) continue;
        if (id > store->last_spool) store->last_spool = id;
        if (!unneeded(store, id, durable, arg)) continue;
        rc = dbx_file_path(path, dir, entry->d_name, error);
        if (rc == DBX_OK) rc = dbx_file_remove(path, error);
    }
    (void)closedir(listing);
    return rc;
}

static bool is_part(dbx_store *store, uint64_t id, bool durable, void *arg) {
    (void)store, (void)id, (void)arg;
    return !durable;
}

/* What checkpoints have replaced the log still names, and it is executed if they are lost: it stays
 * until data.mdbx has more than that. */
static bool hold_unloaded(dbx_store *store, uint64_t id) {
    dbx_spool *spool;
    dbx_error error;
    if (store->loaded_entries == 0) return false;
    if (dbx_spool_load(store, id, &spool, &error) != DBX_OK) return true;
    (void)dbx_buffer_hold_spool(store->live.active, spool);
    dbx_spool_unref(spool);
    return true;
}

static bool is_stale(dbx_store *store, uint64_t id, bool durable, void *arg) {
    if (!durable || holds(store->live.active, id) || holds(store->live.frozen, id)) return false;
    if (store->options.journal_keep_bytes == 0) return !hold_unloaded(store, id);
    dbx_spool_survey_add(arg, id);
    return false;
}

/* Spools that replay loaded: where exactly they are named does not matter, the log's end will do.
 */
static void find_keeper(dbx_store *store, dbx_buffer *buffer) {
    for (size_t i = 0; buffer != NULL && i < buffer->spool_count; i++) {
        dbx_spool *spool = buffer->spools[i];
        if (!spool->journalled || spool->keeper != NULL) continue;
        spool->keeper = store->journal;
        spool->named = dbx_journal_name_spool(spool->keeper, spool->len);
    }
}

int dbx_spools_prepare(dbx_store *store, dbx_error *error) {
    return each_file(store, is_part, NULL, error);
}

int dbx_spools_tidy(dbx_store *store, dbx_error *error) {
    dbx_spool_survey *survey = dbx_spool_survey_new(store);
    if (survey == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    find_keeper(store, store->live.active);
    find_keeper(store, store->live.frozen);
    int rc = each_file(store, is_stale, survey, error);
    dbx_spool_survey_start(survey);
    return rc;
}
