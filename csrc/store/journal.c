/* journal.c: appending to the log: see journal.h. */
#include "store/journal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/effect.h"
#include "store/journal_internal.h"

enum {
    KEPT_PARTS = 8,       /* of what is kept, at least so many can go by themselves */
    SPOOLED_SEGMENTS = 4, /* a segment is not worth less than so many times its size of spools */
    /* A frame may begin with a SELECT besides its groups. */
    FRAME_EFFECTS_MAX = DBX_FRAME_BYTES_MAX - DBX_FRAME_HEADER_BYTES - DBX_EFFECT_SELECT_BYTES_MAX
};

/* --- Segments
 * ------------------------------------------------------------------------------------- */

/* A segment that has no header yet: the one kept ready, or a new one made here and now. The loop
 * does not sync that one's name: the syncer does, before it says that anything in it is durable. */
static int take_spare(dbx_journal *j, dbx_segment *out, dbx_error *error) {
    pthread_mutex_lock(&j->mutex);
    *out = j->spare;
    j->spare.fd = -1;
    uint64_t number = out->fd < 0 ? j->next_number++ : 0;
    pthread_mutex_unlock(&j->mutex);
    if (out->fd >= 0) return DBX_OK;
    int rc = dbx_segment_create(j->dir, number, j->options.segment_bytes, false, out, error);
    atomic_store(&j->names_unsynced, true);
    return rc;
}

static int reserve_live(dbx_journal *j, dbx_error *error) {
    void *live = dbx_alloc_room(j->live, &j->live_cap, j->live_count + 1, sizeof *j->live);
    if (live == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    j->live = live;
    return DBX_OK;
}

/* Makes room for what is handed to the syncer; the mutex is held (a sync takes the list away). */
static int reserve_unsynced(dbx_journal *j) {
    void *unsynced =
        dbx_alloc_room(j->unsynced, &j->unsynced_cap, j->unsynced_count + 1, sizeof *j->unsynced);
    if (unsynced == NULL) return DBX_ENOMEM;
    j->unsynced = unsynced;
    return DBX_OK;
}

/* What starts may rely on finding synced. Of a segment that begins behind a gap, and of which no
 * frame is synced, that is nothing: if its frames are lost a start may go back to before the gap.
 */
static uint64_t promise(dbx_journal *j) {
    uint64_t durable = dbx_journal_durable(j);
    return durable == j->gap_end ? j->gap_begin : durable;
}

/* Begins the next segment at `start`, behind what ends at `previous`. The current one, if any, is
 * handed to the syncer. */
static int next_segment(dbx_journal *j, uint64_t previous, uint64_t start, dbx_error *error) {
    dbx_segment segment;
    int rc = reserve_live(j, error);
    if (rc == DBX_OK) rc = take_spare(j, &segment, error);
    if (rc != DBX_OK) return rc;
    dbx_segment_header header = {.run = j->options.run,
                                 .start = start,
                                 .previous = previous,
                                 .durable = promise(j),
                                 .time_ms = (uint64_t)dbx_clock_wall_ms(),
                                 .sequence = j->sequence + 1};
    pthread_mutex_lock(&j->mutex);
    rc = reserve_unsynced(j);
    if (rc == DBX_OK) rc = dbx_segment_begin(j->dir, &segment, &header, error);
    if (rc != DBX_OK) {
        pthread_mutex_unlock(&j->mutex);
        (void)dbx_segment_remove(j->dir, &segment, NULL);
        return rc == DBX_ENOMEM ? dbx_error_set(error, rc, "out of memory") : rc;
    }
    if (j->current.fd >= 0) {
        j->unsynced[j->unsynced_count++] = j->current;
        j->live[j->live_count] = j->current;
        j->live[j->live_count].fd = -1;
        j->live[j->live_count++].end = j->position;
    }
    segment.sequence = ++j->sequence;
    j->current = segment;
    j->spooled = 0;
    j->spare_wanted = true;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->mutex);
    j->at = DBX_SEGMENT_HEADER_BYTES;
    j->segments++;
    if (start != previous) {
        if (previous != j->gap_end) j->gap_begin = previous;
        j->gap_end = start;
    }
    return DBX_OK;
}

/* --- Opening and closing -------------------------------------------------------------------------
 */

/* Starts of which nothing is left but their empty segments have left one gap between them all. */
static void find_gap(dbx_journal *j, const dbx_segment_file *files, size_t count) {
    j->gap_begin = j->gap_end = j->position;
    for (size_t i = count; i-- > 0;) {
        const dbx_segment_header *header = &files[i].header;
        if (header->run != 0 && header->start == j->gap_begin) j->gap_begin = header->previous;
    }
}

static int adopt_files(dbx_journal *j, dbx_error *error) {
    dbx_segment_file *files;
    size_t count;
    int rc = dbx_segment_list(j->dir, &files, &count, error);
    for (size_t i = 0; rc == DBX_OK && i < count; i++) {
        if (files[i].number >= j->next_number) j->next_number = files[i].number + 1;
        bool in_log = files[i].header.run != 0 && files[i].header.start <= j->position;
        if (!in_log) { /* a spare, or what a crash left behind the end of the log */
            dbx_segment segment = {.fd = -1, .number = files[i].number};
            rc = dbx_segment_remove(j->dir, &segment, error);
            continue;
        }
        rc = reserve_live(j, error);
        if (rc != DBX_OK) break;
        uint64_t end = j->position;
        if (i + 1 < count && files[i + 1].header.start <= j->position) {
            end = files[i + 1].header.previous;
        }
        j->sequence = files[i].header.sequence;
        j->live[j->live_count++] = (dbx_segment){.fd = -1,
                                                 .number = files[i].number,
                                                 .start = files[i].header.start,
                                                 .end = end,
                                                 .sequence = j->sequence};
    }
    if (rc == DBX_OK) find_gap(j, files, count);
    dbx_alloc_free(files);
    return rc;
}

static void free_journal(dbx_journal *j) {
    dbx_segment_close(&j->current);
    dbx_segment_close(&j->spare);
    for (size_t i = 0; i < j->unsynced_count; i++)
        dbx_segment_close(&j->unsynced[i]);
    dbx_alloc_free(j->unsynced);
    dbx_alloc_free(j->live);
    dbx_alloc_free(j->dropped);
    dbx_alloc_free(j->spools);
    dbx_buf_free(&j->scratch);
    dbx_alloc_free(j);
}

static uint64_t oldest(const dbx_journal *j) {
    return j->live_count > 0 ? j->live[0].start : j->current.start;
}

/* On a full disk the log begins when what was replayed is applied and makes room. */
static int first_segment(dbx_journal *j, dbx_error *error) {
    int rc = next_segment(j, j->position, j->position + 1, error);
    if (rc == DBX_ENOSPC) {
        j->current.start = j->position + 1;
        dbx_journal_refuse(j, error);
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    j->position++;
    /* The header says where the log before was cut: a reply must not depend on it unsynced. */
    rc = dbx_file_sync(j->current.fd, j->dir, error);
    return rc == DBX_OK ? dbx_journal_sync_names(j, error) : rc;
}

static int start(dbx_journal *j, dbx_error *error) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&j->mutex, NULL);
    pthread_cond_init(&j->work, &attr);
    pthread_cond_init(&j->done, &attr);
    pthread_condattr_destroy(&attr);
    int rc = dbx_file_path(j->dir, j->options.dir, "journal", error);
    if (rc == DBX_OK) rc = dbx_file_mkdir(j->dir, error);
    if (rc == DBX_OK) rc = adopt_files(j, error);
    if (rc == DBX_OK) rc = dbx_file_sync_dir(j->options.dir, error);
    if (rc == DBX_OK) rc = first_segment(j, error);
    if (rc != DBX_OK) return rc;
    j->written = j->position;
    j->kept_from = oldest(j);
    atomic_store(&j->durable, j->position);
    if (pthread_create(&j->thread, NULL, dbx_journal_syncer, j) != 0) {
        return dbx_error_set(error, DBX_ENOMEM, "cannot start a thread for the journal");
    }
    j->running = true;
    return DBX_OK;
}

int dbx_journal_open(const dbx_journal_options *options, dbx_journal **out, dbx_error *error) {
    dbx_journal *j = dbx_alloc_zero(1, sizeof *j);
    if (j == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    j->options = *options;
    j->durability = options->durability;
    j->position = j->end = options->position;
    j->turn = options->turn;
    j->next_number = 1;
    j->current.fd = j->spare.fd = -1;
    atomic_store(&j->durable, options->position);
    int rc = start(j, error);
    if (rc != DBX_OK) {
        free_journal(j);
        return rc;
    }
    *out = j;
    return DBX_OK;
}

int dbx_journal_close(dbx_journal *j, dbx_error *error) {
    int rc = DBX_OK;
    if (j->running) {
        pthread_mutex_lock(&j->mutex);
        j->stop = true;
        pthread_cond_broadcast(&j->work);
        pthread_cond_broadcast(&j->done);
        pthread_mutex_unlock(&j->mutex);
        (void)pthread_join(j->thread, NULL);
        if (!j->refused) rc = dbx_journal_sync_all(j, error);
        /* An unused spare is space that nobody would miss; the next start makes its own. */
        if (j->spare.fd >= 0) (void)dbx_segment_remove(j->dir, &j->spare, NULL);
    }
    pthread_mutex_destroy(&j->mutex);
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->done);
    free_journal(j);
    return rc;
}

void dbx_journal_close_forked(dbx_journal *j) {
    /* The thread is not in the child, and its mutex may be held for ever: only descriptors go. */
    dbx_segment_close(&j->current);
    dbx_segment_close(&j->spare);
    for (size_t i = 0; i < j->unsynced_count; i++)
        dbx_segment_close(&j->unsynced[i]);
}

/* --- Appending
 * ------------------------------------------------------------------------------------ */

/* Where the log ended before the turn, to go back to. */
typedef struct turn_start {
    uint64_t position, at, last; /* last: where the turn before begins */
    size_t live;
} turn_start;

/* A name is short and what it names is long: kept spools go with their segments, so a segment must
 * not name too many. */
static bool names_enough(const dbx_journal *j) {
    size_t bytes = j->options.keep_bytes / KEPT_PARTS;
    if (bytes < SPOOLED_SEGMENTS * j->options.segment_bytes) {
        bytes = SPOOLED_SEGMENTS * j->options.segment_bytes;
    }
    return j->options.keep_bytes > 0 && j->spooled >= bytes && j->at > DBX_SEGMENT_HEADER_BYTES;
}

/* Writes one frame whose header room is at `frame`, effects behind it. */
static int write_frame(dbx_journal *j, uint8_t *frame, uint32_t len, uint32_t flags,
                       uint32_t effects, dbx_times times, dbx_error *error) {
    size_t bytes = DBX_FRAME_HEADER_BYTES + (size_t)len;
    if (j->at + bytes > j->options.segment_bytes || names_enough(j)) {
        int rc = next_segment(j, j->position, j->position, error);
        if (rc != DBX_OK) return rc;
        j->current.joined = j->position > j->turn;
    }
    dbx_frame header = {.len = len,
                        .effects = effects,
                        .flags = flags,
                        .run = j->options.run,
                        .position = j->position,
                        .time_ms = (uint64_t)times.now_ms,
                        .wall_ms = (uint64_t)times.wall_ms,
                        .durable = promise(j)};
    dbx_frame_seal(frame, &header);
    int rc = dbx_file_write(j->current.fd, frame, bytes, j->at, j->dir, error);
    if (rc != DBX_OK) return rc;
    j->at += bytes;
    j->position += bytes;
    j->written_bytes += bytes;
    return DBX_OK;
}

/* A turn of more than one frame: cut at the ends of groups where possible. */
static int write_frames(dbx_journal *j, const dbx_buf *effects, const dbx_journal_group *groups,
                        size_t group_count, dbx_times times, dbx_error *error) {
    const uint8_t *from = effects->ptr + DBX_FRAME_HEADER_BYTES;
    size_t total = effects->len - DBX_FRAME_HEADER_BYTES, at = 0, group = 0;
    bool inside = false; /* a group that went on from the frame before */
    j->scratch.len = 0;
    if (dbx_buf_reserve(&j->scratch, DBX_FRAME_BYTES_MAX) == NULL) {
        j->scratch.failed = false;
        return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    while (at < total) {
        size_t upto = at, first = group;
        uint32_t flags = inside ? DBX_FRAME_CONTINUED : 0;
        j->scratch.len = DBX_FRAME_HEADER_BYTES; /* all of what follows fits what was reserved */
        /* A frame that begins a group in another database than 0 begins with selecting it. */
        if (!inside && groups[group].db != 0) dbx_effect_select(&j->scratch, groups[group].db);
        while (group < group_count && groups[group].end - at <= FRAME_EFFECTS_MAX) {
            upto = groups[group++].end;
        }
        inside = upto == at; /* not even one group fits */
        if (inside) upto = at + FRAME_EFFECTS_MAX;
        if (inside) flags |= DBX_FRAME_CONTINUES;
        dbx_buf_add(&j->scratch, from + at, upto - at);
        int rc = write_frame(j, j->scratch.ptr, (uint32_t)(j->scratch.len - DBX_FRAME_HEADER_BYTES),
                             flags, (uint32_t)(group - first), times, error);
        if (rc != DBX_OK) return rc;
        at = upto;
    }
    dbx_buf_free(&j->scratch);
    return DBX_OK;
}

/* Takes a segment out of the log, so that no start can find it there, whatever it holds. */
static int discard(dbx_journal *j, dbx_segment *segment, dbx_error *error) {
    static const uint8_t no_header[DBX_SEGMENT_HEADER_BYTES];
    char path[DBX_PATH_MAX];
    int rc = dbx_segment_path(path, j->dir, segment->number, error);
    int fd = rc == DBX_OK ? dbx_file_open(path, O_RDWR, error) : rc;
    if (fd < 0) return fd;
    rc = dbx_file_write(fd, no_header, sizeof no_header, 0, path, error);
    (void)close(fd);
    if (rc == DBX_OK) rc = dbx_segment_remove(j->dir, segment, error);
    atomic_store(&j->names_unsynced, true);
    return rc;
}

/* Takes back whatever of a failed turn reached the files. */
static int take_back(dbx_journal *j, const turn_start *turn, dbx_error *error) {
    char path[DBX_PATH_MAX];
    j->position = turn->position;
    j->turn = turn->last;
    if (j->live_count == turn->live) {
        int rc = dbx_segment_path(path, j->dir, j->current.number, error);
        j->at = turn->at;
        return rc != DBX_OK ? rc : dbx_file_truncate(j->current.fd, turn->at, path, error);
    }
    /* The segments the turn went on to hold nothing else: the log goes back to the first one. */
    pthread_mutex_lock(&j->mutex);
    int rc = discard(j, &j->current, error);
    pthread_mutex_unlock(&j->mutex);
    for (size_t i = turn->live + 1; rc == DBX_OK && i < j->live_count; i++) {
        rc = discard(j, &j->live[i], error);
    }
    j->live[turn->live].end = turn->position;
    j->sequence = j->live[turn->live].sequence;
    j->live_count = turn->live + 1;
    if (rc == DBX_OK) rc = dbx_segment_path(path, j->dir, j->live[turn->live].number, error);
    int fd = rc == DBX_OK ? dbx_file_open(path, O_RDWR, error) : rc;
    if (fd < 0) return fd;
    rc = dbx_file_truncate(fd, turn->at, path, error);
    (void)close(fd);
    return rc != DBX_OK ? rc : next_segment(j, turn->position, turn->position, error);
}

int dbx_journal_append(dbx_journal *j, dbx_buf *effects, const dbx_journal_group *groups,
                       size_t group_count, uint64_t effect_count, dbx_times times,
                       dbx_error *error) {
    turn_start turn = {j->position, j->at, j->turn, j->live_count};
    size_t len = effects->len - DBX_FRAME_HEADER_BYTES;
    int rc;
    if (dbx_journal_refused(j, error)) return DBX_EREADONLY;
    j->turn = j->position;
    if (len <= FRAME_EFFECTS_MAX) {
        rc = write_frame(j, effects->ptr, (uint32_t)len, 0, (uint32_t)effect_count, times, error);
    } else {
        rc = write_frames(j, effects, groups, group_count, times, error);
    }
    if (rc != DBX_OK) {
        dbx_error why;
        if (take_back(j, &turn, &why) != DBX_OK) dbx_journal_refuse(j, &why);
        return rc;
    }
    j->end = j->position;
    pthread_mutex_lock(&j->mutex);
    bool first = atomic_load(&j->unsynced_since_us) == 0;
    j->written = j->position;
    if (first) atomic_store(&j->unsynced_since_us, dbx_clock_mono_us());
    if (first && j->durability == DBX_DURABILITY_EVERYSEC) pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->mutex);
    return DBX_OK;
}

/* --- Positions
 * ------------------------------------------------------------------------------------ */

uint64_t dbx_journal_position(const dbx_journal *j) {
    return j->end;
}

uint64_t dbx_journal_turn(const dbx_journal *j) {
    return j->turn;
}

uint64_t dbx_journal_durable(dbx_journal *j) {
    return atomic_load(&j->durable);
}

int64_t dbx_journal_lag_us(dbx_journal *j) {
    int64_t since_us = atomic_load(&j->syncing_since_us);
    if (since_us == 0) since_us = atomic_load(&j->unsynced_since_us);
    return since_us == 0 ? 0 : dbx_clock_mono_us() - since_us;
}

void dbx_journal_set_durability(dbx_journal *j, dbx_durability durability) {
    pthread_mutex_lock(&j->mutex);
    j->durability = durability;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->mutex);
}

bool dbx_journal_refused(dbx_journal *j, dbx_error *error) {
    if (!atomic_load(&j->refused)) return false;
    pthread_mutex_lock(&j->mutex);
    if (error != NULL) *error = j->refusal;
    pthread_mutex_unlock(&j->mutex);
    return true;
}

/* --- After an apply ------------------------------------------------------------------------------
 */

/* Bytes of the log up to `position` and of kept spools that are named at or behind `from`. */
static uint64_t kept_behind(dbx_journal *j, uint64_t from, uint64_t position) {
    uint64_t bytes = position - from;
    pthread_mutex_lock(&j->mutex);
    for (size_t i = 0; i < j->spool_count && bytes < j->options.keep_bytes; i++) {
        if (j->spools[i].named >= from) bytes += j->spools[i].bytes;
    }
    pthread_mutex_unlock(&j->mutex);
    return bytes;
}

/* How many of the oldest segments are neither needed nor kept. A turn goes as a whole. */
static size_t droppable(dbx_journal *j, uint64_t position) {
    size_t count = 0;
    for (size_t i = 0; i < j->live_count && j->live[i].end <= position; i++) {
        if (kept_behind(j, j->live[i].end, position) < j->options.keep_bytes) break;
        const dbx_segment *next = i + 1 < j->live_count ? &j->live[i + 1] : &j->current;
        if (!next->joined) count = i + 1;
    }
    return count;
}

/* Has the syncer deal with the oldest segments; without memory for that, next time. */
static void drop(dbx_journal *j, size_t count) {
    pthread_mutex_lock(&j->mutex);
    void *dropped =
        dbx_alloc_room(j->dropped, &j->dropped_cap, j->dropped_count + count, sizeof *j->dropped);
    if (dropped != NULL) {
        j->dropped = dropped;
        for (size_t i = 0; i < count; i++)
            j->dropped[j->dropped_count++] = j->live[i].number;
        j->live_count -= count;
        memmove(j->live, j->live + count, j->live_count * sizeof *j->live);
        j->kept_from = oldest(j);
        j->spools_due = j->spool_count > 0;
        pthread_cond_signal(&j->work);
    }
    pthread_mutex_unlock(&j->mutex);
}

uint64_t dbx_journal_name_spool(dbx_journal *j, uint64_t bytes) {
    j->spooled += bytes;
    return j->position;
}

void dbx_journal_keep_spool(dbx_journal *j, uint64_t id, uint64_t bytes, uint64_t named) {
    pthread_mutex_lock(&j->mutex);
    void *spools = dbx_alloc_room(j->spools, &j->spool_cap, j->spool_count + 1, sizeof *j->spools);
    if (spools != NULL) { /* without memory the next start finds the file */
        j->spools = spools;
        j->spools[j->spool_count++] = (dbx_journal_spool){id, bytes, named};
        j->spools_due = j->spools_due || named < j->kept_from;
        pthread_cond_signal(&j->work);
    }
    pthread_mutex_unlock(&j->mutex);
}

/* A full disk: what is applied makes room for the next segment, even if it was to be kept. */
static int give_oldest(dbx_journal *j, dbx_error *error) {
    int rc = dbx_segment_remove(j->dir, &j->live[0], error);
    if (rc != DBX_OK) return rc;
    memmove(j->live, j->live + 1, --j->live_count * sizeof *j->live);
    pthread_mutex_lock(&j->mutex);
    j->kept_from = oldest(j);
    j->spools_due = j->spool_count > 0;
    pthread_mutex_unlock(&j->mutex);
    return DBX_OK;
}

/* A refused journal whose every effect is in MDBX: what its files hold does not matter any more. */
static int begin_anew(dbx_journal *j, dbx_error *error) {
    j->sequence++; /* readers see a gap, and begin behind it: who knows what the failed sync lost */
    int rc = next_segment(j, j->end, j->position + 1, error);
    while (rc == DBX_ENOSPC && j->live_count > 0) {
        rc = give_oldest(j, error);
        if (rc == DBX_OK) rc = next_segment(j, j->end, j->position + 1, error);
    }
    if (rc == DBX_OK) rc = dbx_file_sync(j->current.fd, j->dir, error);
    if (rc == DBX_OK) rc = dbx_journal_sync_names(j, error);
    if (rc != DBX_OK) return rc;
    j->position++;
    pthread_mutex_lock(&j->mutex);
    for (size_t i = 0; i < j->unsynced_count; i++)
        dbx_segment_close(&j->unsynced[i]);
    j->unsynced_count = 0;
    j->written = j->position;
    atomic_store(&j->durable, j->position);
    atomic_store(&j->unsynced_since_us, 0);
    atomic_store(&j->refused, false);
    pthread_cond_broadcast(&j->done);
    pthread_mutex_unlock(&j->mutex);
    drop(j, j->live_count); /* even what was to be kept */
    return DBX_OK;
}

int dbx_journal_applied(dbx_journal *j, uint64_t position, dbx_error *error) {
    if (dbx_journal_refused(j, NULL) && position >= j->end) {
        int rc = begin_anew(j, error);
        if (rc != DBX_OK) return rc;
    }
    size_t count = droppable(j, position);
    if (count > 0) drop(j, count);
    return DBX_OK;
}

int dbx_journal_request_job(dbx_journal *j, void (*job)(void *arg), void *arg) {
    pthread_mutex_lock(&j->mutex);
    bool room = j->job_count < DBX_JOURNAL_JOBS_MAX;
    if (room) {
        j->jobs[j->job_count++] = (dbx_journal_job){job, arg};
        pthread_cond_signal(&j->work);
    }
    pthread_mutex_unlock(&j->mutex);
    return room ? DBX_OK : DBX_ELIMIT;
}

void dbx_journal_get_stats(dbx_journal *j, dbx_journal_stats *stats) {
    pthread_mutex_lock(&j->mutex);
    size_t segments = j->live_count + 1 + (j->spare.fd >= 0);
    stats->syncs = j->syncs;
    stats->sync_last_us = j->sync_last_us;
    pthread_mutex_unlock(&j->mutex);
    stats->written_bytes = j->written_bytes;
    stats->segments = j->segments;
    stats->bytes_on_disk = segments * j->options.segment_bytes;
}
