/* limits.h: the store's bounds that are not part of the format: each a named constant, most of them
 * the default of a setting. */
#ifndef DBX_STORE_LIMITS_H
#define DBX_STORE_LIMITS_H

enum {
    DBX_VALUE_BYTES_MAX = 96 * 1024, /* of one map entry: a record header and a chunk fit easily */
    DBX_REFER_MIN = 16 * 1024,       /* a value this long that lies in a spool is not copied */
    DBX_ROOM_BYTES = 4 << 20         /* of one spool that a command fills itself */
};

/* The write buffer: a sixteenth of the memory we may use, within these. */
#define DBX_BUFFER_BYTES_MIN ((size_t)16 << 20)
#define DBX_BUFFER_BYTES_MAX ((size_t)64 << 20)
/* The smallest that may be asked for: tests do. */
enum { DBX_BUFFER_BYTES_ASKED_MIN = 16 << 10 };
/* The largest: the bytes of two, see below, are about half of what references into an arena can
 * name (DBX_ARENA_BYTES_MAX), so that there is room for what lies free in between. */
#define DBX_BUFFER_BYTES_ASKED_MAX ((uint64_t)4 << 30)
/* While an apply goes on the next buffer fills; writers are slowed from three quarters of its bound
 * on, and refused at twice the bound and what a few large turns may add before they notice. */
#define DBX_BUFFER_FULL_BYTES(bound) (2 * (bound) + ((size_t)16 << 20))
/* Large values that may wait in files: one of the largest beyond the bound, so that it alone does
 * not slow others. */
#define DBX_SPOOLED_BYTES(bound) ((uint64_t)(bound) + ((uint64_t)512 << 20))
/* A command's result beyond half of the buffer's bound, but not less than this, is committed early:
 * see early.h. */
enum { DBX_EARLY_BYTES_MIN = 64 << 10 };
/* Journal since the last freeze: as much as the buffer, or this. */
#define DBX_JOURNAL_BYTES_MIN ((size_t)24 << 20)
enum {
    /* What executing the journal took since the last checkpoint or freeze: a start executes it
     * again, in about a third of that. Then it is time for a checkpoint. */
    DBX_CHECKPOINT_US_DEFAULT = 200000,
    /* Then for a freeze: no checkpoint could be made. */
    DBX_SPENT_US_MAX = 750000
};
/* A buffer's oldest entry is applied after this long, so that the journal does not stay for ever.
 */
enum { DBX_BUFFER_AGE_MS_DEFAULT = 3600 * 1000 };
/* Between the end of a vacuum and the next that begins by itself. */
enum { DBX_AUTOVACUUM_MS_DEFAULT = 60 * 1000, DBX_AUTOVACUUM_MS_MIN = 1000 };
/* A segment of the log: a part of what forces a freeze, within these. */
enum {
    DBX_SEGMENTS_PER_FREEZE = 4,
    DBX_SEGMENT_BYTES_MIN = 2 << 20,
    DBX_SEGMENT_BYTES_MAX = 8 << 20
};
/* data.mdbx grows by so much at a time. */
enum { DBX_FILE_GROWTH_BYTES = 4 << 20 };

#endif
