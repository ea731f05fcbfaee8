/* room.c: see room.h. */
#include "store/room.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/apply.h"
#include "store/file.h"
#include "store/internal.h"
#include "store/journal.h"
#include "store/limits.h"

enum {
    LOOK_EVERY_BYTES = 1 << 20,
    SMALL_PARTS = 8, /* the ballast is not more than such a part of the file system */
    ENTRY_NEED_BYTES = DBX_PAGE_BYTES + DBX_PAGE_BYTES / 4, /* a leaf of its own, shared branches */
    SPOOL_NEED_PARTS = 16,                                  /* of a chunk's pages are not value */
    SPARE_PARTS = 8, /* of what is free: what may be spent on the needless */
    WARNING_PERCENT = 5,
    EASED_PERCENT = 110 /* of a bound: the room at which it is no longer reached */
};
#define WARNING_BYTES_MAX ((uint64_t)1 << 30)
/* More makes no difference, and counting takes time. */
#define UNUSED_BYTES_MAX ((uint64_t)1 << 30)

static const char NAME[] = "ballast";

static uint64_t lesser(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* What an apply of deletes has to find: below it the disk is full. */
static uint64_t floor_bytes(const dbx_room *room) {
    return room->ballast_max;
}

static uint64_t meter(const dbx_store *store) {
    return dbx_store_position(store) + store->spool_bytes;
}

static void measure(dbx_store *store) {
    dbx_room *room = &store->room;
    uint64_t ignored;
    room->looked_us = dbx_clock_mono_us();
    room->look_at = meter(store) + LOOK_EVERY_BYTES;
    if (dbx_file_room(store->options.path, &room->total_bytes, &room->free_bytes, NULL) != DBX_OK) {
        return; /* what it was before */
    }
    room->unused_bytes = 0;
    if (store->env == NULL || store->live.below == NULL) return;
    dbx_env_size(store->env, &room->map_bytes, &ignored);
    if (room->free_bytes < UNUSED_BYTES_MAX) {
        room->unused_bytes = dbx_snapshot_unused(store->live.below, UNUSED_BYTES_MAX);
    }
}

/* --- The ballast ------------------------------------------------------------------------------ */

static int set_ballast(dbx_store *store, uint64_t bytes, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = dbx_file_path(path, store->options.path, NAME, error);
    if (rc != DBX_OK) return rc;
    if (bytes == 0) {
        store->room.ballast_bytes = 0;
        return dbx_file_remove(path, error);
    }
    int fd = dbx_file_open(path, O_RDWR | O_CREAT, error);
    if (fd < 0) return fd;
    rc = dbx_file_allocate(fd, bytes, path, error);
    if (rc != DBX_OK) (void)dbx_file_truncate(fd, store->room.ballast_bytes, path, NULL);
    (void)close(fd);
    if (rc == DBX_OK) store->room.ballast_bytes = bytes;
    return rc;
}

bool dbx_room_give(dbx_store *store) {
    dbx_room *room = &store->room;
    dbx_error error;
    if (room->ballast_bytes == 0) return false;
    measure(store); /* a limit on files' sizes is no full disk */
    if (room->free_bytes >= floor_bytes(room)) return false;
    dbx_log(DBX_LOG_WARNING,
            "the disk of %s is full: deletes go on with the %" PRIu64 " bytes kept for them",
            store->options.path, room->ballast_bytes);
    if (set_ballast(store, 0, &error) != DBX_OK) {
        dbx_log(DBX_LOG_WARNING, "%s", error.text);
        return false;
    }
    room->full = true;
    return true;
}

/* A segment of log is left free beside it, so that the log need not take it at once. What of it is
 * for data.mdbx may as well be unused pages there. */
static void make_ballast(dbx_store *store) {
    dbx_room *room = &store->room;
    dbx_error error;
    if (room->starved) return;
    if (room->ballast_bytes >= room->ballast_max || room->free_bytes <= room->segment_bytes) return;
    uint64_t bytes = room->ballast_bytes + room->free_bytes - room->segment_bytes;
    bytes = lesser(bytes, room->ballast_max) / DBX_PAGE_BYTES * DBX_PAGE_BYTES;
    if (bytes <= room->ballast_bytes || bytes < lesser(room->segment_bytes, room->ballast_max)) {
        return;
    }
    uint64_t more = bytes - room->ballast_bytes;
    if (set_ballast(store, bytes, &error) == DBX_OK) {
        room->free_bytes -= lesser(more, room->free_bytes);
    } else if (!room->full) {
        dbx_log(DBX_LOG_WARNING, "no room is kept for deletes: %s", error.text);
    }
}

static int64_t ballast_there(const char *path) {
    int fd = dbx_file_open(path, O_RDONLY, NULL);
    int64_t size = fd >= 0 ? dbx_file_size(fd, path, NULL) : 0;
    if (fd >= 0) (void)close(fd);
    return size > 0 ? size : 0;
}

int dbx_room_open(dbx_store *store, dbx_error *error) {
    dbx_room *room = &store->room;
    dbx_store_options *o = &store->options;
    char path[DBX_PATH_MAX];
    int rc = dbx_file_path(path, o->path, NAME, error);
    if (rc == DBX_OK) rc = dbx_file_room(o->path, &room->total_bytes, &room->free_bytes, error);
    if (rc != DBX_OK) return rc;
    if (o->journal_bytes == 0) {
        size_t bytes = store->buffer_bytes_max;
        if (bytes < DBX_JOURNAL_BYTES_MIN) bytes = DBX_JOURNAL_BYTES_MIN;
        o->journal_bytes = (size_t)lesser(bytes, room->total_bytes / 16);
    }
    uint64_t segment = o->journal_bytes / DBX_SEGMENTS_PER_FREEZE;
    if (segment < DBX_SEGMENT_BYTES_MIN) segment = DBX_SEGMENT_BYTES_MIN;
    room->segment_bytes = lesser(segment, DBX_SEGMENT_BYTES_MAX);
    room->ballast_max = lesser(room->segment_bytes + 2 * DBX_FILE_GROWTH_BYTES,
                               room->total_bytes / SMALL_PARTS / DBX_PAGE_BYTES * DBX_PAGE_BYTES);
    room->ballast_bytes = (uint64_t)ballast_there(path);
    if (room->ballast_bytes > room->ballast_max) return set_ballast(store, 0, error);
    if (room->free_bytes < floor_bytes(room)) (void)dbx_room_give(store);
    return DBX_OK;
}

/* --- Decisions -------------------------------------------------------------------------------- */

static uint64_t available(const dbx_room *room) {
    return room->free_bytes + room->unused_bytes;
}

static void warn_when_low(dbx_store *store) {
    dbx_room *room = &store->room;
    uint64_t bound = room->warning_bytes;
    if (bound == 0) {
        bound = lesser(room->total_bytes / 100 * WARNING_PERCENT, WARNING_BYTES_MAX);
    }
    bool low = room->free_bytes < (room->low ? bound / 100 * EASED_PERCENT : bound);
    if (low && !room->low) {
        dbx_log(DBX_LOG_WARNING, "%" PRIu64 " bytes are free on the disk of %s: make room",
                room->free_bytes, store->options.path);
    }
    room->low = low;
}

void dbx_room_starve(dbx_store *store) {
    dbx_room *room = &store->room;
    bool given = dbx_room_give(store);
    measure(store);
    room->starved = true;
    room->starved_bytes = room->free_bytes;
    if (given) dbx_applier_retry(store->applier);
}

void dbx_room_feed(dbx_store *store) {
    store->room.starved = false;
}

/* The file grows by so much at a time: less than that more helps nobody. */
static void retry_starved(dbx_store *store) {
    dbx_room *room = &store->room;
    if (!room->starved || room->free_bytes < room->starved_bytes + DBX_FILE_GROWTH_BYTES) return;
    room->starved_bytes = room->free_bytes;
    dbx_applier_retry(store->applier);
}

void dbx_room_look(dbx_store *store) {
    dbx_room *room = &store->room;
    if (store->journal == NULL) return;
    measure(store);
    retry_starved(store);
    make_ballast(store);
    warn_when_low(store);
    uint64_t bound = room->full ? 2 * floor_bytes(room) : floor_bytes(room);
    bool full = room->ballast_bytes < lesser(room->segment_bytes, room->ballast_max) ||
                available(room) < bound;
    if (full != room->full) {
        dbx_log(full ? DBX_LOG_WARNING : DBX_LOG_NOTICE, "the disk of %s %s", store->options.path,
                full ? "is full: writes are refused, reads and deletes go on"
                     : "has room again: writes are accepted");
    }
    room->full = full;
}

void dbx_room_written(dbx_store *store) {
    if (meter(store) >= store->room.look_at) dbx_room_look(store);
}

bool dbx_room_full(dbx_store *store) {
    const dbx_room *room = &store->room;
    if (room->full && dbx_clock_mono_us() - room->looked_us >= DBX_ROOM_RETRY_US) {
        dbx_room_look(store);
    }
    return room->full;
}

uint64_t dbx_room_need(const dbx_store *store, const dbx_buffer *buffer) {
    if (buffer == NULL) return 0;
    /* Every entry may change a page of its own, and a delta those of a value, but not more pages
     * than there are. */
    uint64_t changed =
        lesser(buffer->entries * ENTRY_NEED_BYTES + 2 * (uint64_t)buffer->delta_bytes,
               store->room.map_bytes);
    return changed + 2 * dbx_buffer_fill(buffer) + buffer->spool_bytes +
           buffer->spool_bytes / SPOOL_NEED_PARTS;
}

uint64_t dbx_room_share(const dbx_store *store) {
    return available(&store->room) / 2 + 1;
}

bool dbx_room_fits(dbx_store *store, uint64_t bytes) {
    if (store->journal == NULL) return true;
    dbx_room_look(store);
    return !store->room.full && dbx_room_need(store, store->live.active) +
                                        dbx_room_need(store, store->live.frozen) + bytes +
                                        bytes / SPOOL_NEED_PARTS + floor_bytes(&store->room) <=
                                    available(&store->room);
}

bool dbx_room_fits_early(dbx_store *store) {
    dbx_room_look(store);
    return !store->room.full &&
           2 * dbx_buffer_fill(store->live.active) + floor_bytes(&store->room) <=
               available(&store->room);
}

bool dbx_room_spare(const dbx_store *store, uint64_t bytes) {
    return !store->room.full && bytes <= store->room.free_bytes / SPARE_PARTS;
}

uint64_t dbx_room_journal_bytes(const dbx_store *store) {
    const dbx_room *room = &store->room;
    uint64_t bytes = store->options.journal_bytes;
    return store->journal == NULL || room->free_bytes >= 2 * bytes
               ? bytes
               : lesser(bytes, room->segment_bytes);
}
