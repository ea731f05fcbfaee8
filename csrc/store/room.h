/* room.h: room on the disk (invariant 19): what is free, the ballast, and when writes are refused.
 *
 * The ballast is a file in the data directory that holds nothing but space. When the log or an
 * apply finds the disk full it is given up, so that deletes can be logged and applied; it is made
 * again before other writes are accepted, and not before an apply that waits for room has had it.
 * Pages that data.mdbx has but does not use count as room: the file does not shrink when keys are
 * deleted.
 *
 * Nothing here looks at an idle disk: whoever writes looks now and then, an apply when it has
 * ended, and a write that is refused at most every DBX_ROOM_RETRY_US. All under the engine lock.
 */
#ifndef DBX_STORE_ROOM_H
#define DBX_STORE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/buffer.h"
#include "store/store.h"

enum { DBX_ROOM_RETRY_US = 100000 };

typedef struct dbx_room {
    uint64_t total_bytes;   /* of the file system */
    uint64_t free_bytes;    /* there for us, when last looked at */
    uint64_t unused_bytes;  /* of data.mdbx: up to what matters */
    uint64_t map_bytes;     /* of data.mdbx, all */
    uint64_t segment_bytes; /* of the log */
    uint64_t ballast_max, ballast_bytes;
    uint64_t warning_bytes; /* as asked for; 0: follows the file system */
    uint64_t look_at;       /* what has been written when it is time to look again */
    int64_t looked_us;
    uint64_t starved_bytes; /* while `starved`: what was free when an apply last tried */
    bool starved;           /* an apply waits for room */
    bool full;
    bool low;
} dbx_room;

/* dbx_room_open measures the file system; on a full one it gives the ballast up, so that the start
 * finds room. Before any other file is written. */
int dbx_room_open(dbx_store *store, dbx_error *error);
/* dbx_room_journal_bytes is how much log forces a freeze: less when little room is left for it. */
uint64_t dbx_room_journal_bytes(const dbx_store *store);
/* dbx_room_look measures and decides: is the disk full, or no longer; makes the ballast. */
void dbx_room_look(dbx_store *store);
/* dbx_room_written is called when something was written: looks when it is time. */
void dbx_room_written(dbx_store *store);
/* dbx_room_give gives the ballast up; false: there is none, or the disk is not full. */
bool dbx_room_give(dbx_store *store);
/* dbx_room_starve: an apply has not found room enough. It gets the ballast, and what others give
 * back; dbx_room_feed: one has. */
void dbx_room_starve(dbx_store *store);
void dbx_room_feed(dbx_store *store);
/* dbx_room_full: writes that may need room are refused. Looks again when that was a while ago. */
bool dbx_room_full(dbx_store *store);
/* dbx_room_fits looks, and says whether so many bytes more can be applied. */
bool dbx_room_fits(dbx_store *store, uint64_t bytes);
/* dbx_room_fits_early says whether there is room for what a command commits of its result before
 * its turn ends, whose keys lie next to each other: for few pages more than there are bytes. */
bool dbx_room_fits_early(dbx_store *store);
/* dbx_room_spare: so many bytes can be spent on what is not necessary. As of the last look. */
bool dbx_room_spare(const dbx_store *store, uint64_t bytes);
/* dbx_room_need is what applying the buffer may take; NULL: nothing. dbx_room_share is how much the
 * active buffer may need before it is time to apply it: the frozen one needs as much again. */
uint64_t dbx_room_need(const dbx_store *store, const dbx_buffer *buffer);
uint64_t dbx_room_share(const dbx_store *store);

#endif
