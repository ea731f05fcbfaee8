/* journal_internal.h: what the appending half (journal.c) and the syncing half (journal_sync.c)
 * share. */
#ifndef DBX_STORE_JOURNAL_INTERNAL_H
#define DBX_STORE_JOURNAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/file.h"
#include "store/journal.h"
#include "store/segment.h"

enum { DBX_JOURNAL_JOBS_MAX = 64 };

typedef struct dbx_journal_job {
    void (*run)(void *arg);
    void *arg;
} dbx_journal_job;

/* The file of a spool that nothing but kept segments names. */
typedef struct dbx_journal_spool {
    uint64_t id, bytes;
    uint64_t named; /* position */
} dbx_journal_spool;

struct dbx_journal {
    dbx_journal_options options;
    char dir[DBX_PATH_MAX]; /* of the segments */

    /* The appending half: under the engine lock. */
    uint64_t position;           /* where the next frame begins */
    uint64_t end;                /* of the last turn, or of what was there at the start */
    uint64_t gap_begin, gap_end; /* the last gap between segments, or several: nothing is in it */
    dbx_segment current;
    uint32_t sequence; /* of the current segment */
    uint64_t at;       /* offset of the log's end in the current segment's file */
    uint64_t turn;     /* where the last turn begins, or the one that is being appended */
    uint64_t spooled;  /* bytes of spools named since the current segment began */
    dbx_segment *live; /* closed segments of the log, oldest first; their fd is -1 */
    size_t live_count, live_cap;
    dbx_buf scratch;                  /* a frame put together from parts */
    uint64_t written_bytes, segments; /* segments: begun */

    /* Shared: under `mutex`, atomics without. */
    pthread_mutex_t mutex;
    pthread_cond_t work; /* for the syncer */
    pthread_cond_t done; /* for those who wait for a position */
    pthread_t thread;
    bool running, stop;
    bool syncing; /* some thread is in a sync */
    bool urgent;  /* somebody waits for what is not synced yet */
    dbx_durability durability;
    uint64_t written; /* position appended */
    _Atomic uint64_t durable;
    _Atomic int64_t unsynced_since_us; /* when the oldest unsynced frame was written; 0: none */
    _Atomic int64_t syncing_since_us;  /* the same, of the frames being synced now */
    dbx_segment *unsynced; /* closed segments to be synced before the current one; owned fds */
    size_t unsynced_count, unsynced_cap;
    dbx_segment spare; /* ready for use; fd -1: none */
    bool spare_wanted;
    bool spare_missed; /* it could not be made, and that was said */
    uint64_t next_number;
    uint64_t *dropped; /* numbers of segments that are not needed any more */
    size_t dropped_count, dropped_cap;
    dbx_journal_spool *spools; /* kept with the segments that name them */
    size_t spool_count, spool_cap;
    uint64_t kept_from; /* where the oldest segment begins: spools named before it may go */
    bool spools_due;    /* some may have to go now */
    dbx_journal_job jobs[DBX_JOURNAL_JOBS_MAX]; /* others' work for this thread: spools' syncs */
    size_t job_count;
    atomic_bool names_unsynced; /* a file was made whose name may not survive power loss */
    atomic_bool refused;
    dbx_error refusal;
    uint64_t syncs, sync_last_us;
};

/* The syncer's thread function; its argument is the journal. */
void *dbx_journal_syncer(void *journal);
/* dbx_journal_sync_all syncs everything appended, in the caller's thread; the syncer has stopped.
 */
int dbx_journal_sync_all(dbx_journal *journal, dbx_error *error);
/* dbx_journal_sync_names makes the names of new segments durable, if there are any. */
int dbx_journal_sync_names(dbx_journal *journal, dbx_error *error);
/* dbx_journal_refuse stops appends; `why` becomes the refusal. */
void dbx_journal_refuse(dbx_journal *journal, const dbx_error *why);

#endif
