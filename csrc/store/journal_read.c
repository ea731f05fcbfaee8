/* journal_read.c: see journal_read.h. */
#include "store/journal_read.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "store/file.h"
#include "store/format.h"
#include "store/segment.h"

struct dbx_journal_reader {
    char dir[DBX_PATH_MAX]; /* the journal's */
    dbx_segment_file *files;
    size_t count, first, at; /* first: where reading began; at: the segment that is loaded */
    dbx_buf bytes;           /* the loaded segment, from `base` on */
    size_t base;             /* offset in its file */
    uint64_t upto;           /* position behind which nothing is asked for; UINT64_MAX: none */
    uint64_t position;       /* of the next frame */
    uint64_t group_start;    /* end of the last whole group */
    uint64_t durable;        /* the highest promise met */
    uint64_t run;
    uint64_t begins;  /* where the oldest segment began at first */
    uint64_t doubted; /* the position at which the files were looked at anew; UINT64_MAX: none */
    dbx_buf group;    /* effects of a group that spans frames */
};

static int dropped(const dbx_journal_reader *r, dbx_error *error) {
    return dbx_error_set(error, DBX_ENOTFOUND,
                         "the journal's owner has dropped what follows position %" PRIu64,
                         r->position);
}

/* Whether the file still is the segment that was listed: its owner may use it again at any time. */
static bool is_listed(const dbx_journal_reader *r, int fd, const char *path) {
    uint8_t bytes[DBX_SEGMENT_HEADER_BYTES];
    dbx_segment_header header = {.run = 0}, listed = r->files[r->at].header;
    int64_t n = dbx_file_read(fd, bytes, sizeof bytes, 0, path, NULL);
    if (n < (int64_t)sizeof bytes || !dbx_segment_header_read(bytes, &header)) header.run = 0;
    return header.run == listed.run && (listed.run == 0 || header.start == listed.start);
}

/* Which part of the listed segment may have to be looked at, in bytes of its file. */
static void find_part(dbx_journal_reader *r, int64_t size, size_t *len) {
    uint64_t start = r->files[r->at].header.start, head = DBX_SEGMENT_HEADER_BYTES;
    uint64_t frames = (uint64_t)size > head ? (uint64_t)size - head : 0;
    uint64_t from = r->position > start ? r->position - start : 0;
    uint64_t upto = r->upto > start ? r->upto - start : 0;
    if (upto > frames) upto = frames;
    r->base = (size_t)(head + from);
    *len = from < upto ? (size_t)(upto - from) : 0;
}

/* Loads a segment from r->position on: reads fail where a mapping would kill the process.
 * DBX_ENOTFOUND: it is not there any more. */
static int load(dbx_journal_reader *r, size_t index, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = dbx_segment_path(path, r->dir, r->files[index].number, error);
    if (rc != DBX_OK) return rc;
    r->at = index;
    r->bytes.len = r->base = 0;
    int fd = dbx_file_open(path, O_RDONLY, error);
    if (fd < 0) return dbx_file_exists(path) ? fd : dropped(r, error);
    int64_t size = dbx_file_size(fd, path, error);
    size_t len = 0;
    if (size > 0) find_part(r, size, &len);
    if (len > 0 && dbx_buf_reserve(&r->bytes, len) == NULL) {
        rc = dbx_error_set(error, DBX_ENOMEM, "out of memory while reading %s", path);
    } else if (size > 0) {
        int64_t n = len > 0 ? dbx_file_read(fd, r->bytes.ptr, len, r->base, path, error) : 0;
        if (n < 0) rc = (int)n;
        if (n > 0) r->bytes.len = (size_t)n;
        /* The header goes first, so what was read before it went is the segment's. */
        if (rc == DBX_OK && !is_listed(r, fd, path)) rc = dropped(r, error);
    } else if (size < 0) {
        rc = (int)size;
    }
    (void)close(fd);
    return rc;
}

/* frame_at for headers of one size. */
static bool frame_of(const dbx_journal_reader *r, size_t offset, size_t head,
                     bool (*read)(const uint8_t *header, dbx_frame *frame), dbx_frame *frame) {
    const dbx_segment_header *header = &r->files[r->at].header;
    if (offset < r->base) return false;
    size_t skip = offset - r->base;
    if (r->bytes.len < head || skip > r->bytes.len - head) return false;
    const uint8_t *at = r->bytes.ptr + skip;
    return read(at, frame) && frame->run == header->run &&
           frame->position == header->start + offset - DBX_SEGMENT_HEADER_BYTES &&
           frame->len <= r->bytes.len - skip - head && dbx_frame_intact(at, frame);
}

/* The intact frame at `offset` of the loaded segment; false: there is none. */
static bool frame_at(const dbx_journal_reader *r, size_t offset, dbx_frame *frame) {
    if (frame_of(r, offset, DBX_FRAME_HEADER_BYTES, dbx_frame_read, frame)) return true;
    return r->files[r->at].header.version == 1 &&
           frame_of(r, offset, DBX_FRAME_HEADER_BYTES_OLD, dbx_frame_read_old, frame);
}

static void note(dbx_journal_reader *r, uint64_t run, uint64_t durable) {
    if (run > r->run) r->run = run;
    if (durable > r->durable) r->durable = durable;
}

/* The segment to begin with: the last one that goes on at or before `from`, or else the first.
 * Where nothing was applied since the last start, that one starts a little later (see `joins`): it
 * must be found by what it follows, for a power cut may leave a gap behind it in what was not
 * synced. */
static size_t first_segment(const dbx_journal_reader *r, uint64_t from) {
    size_t first = dbx_segment_oldest(r->files, r->count);
    if (from == DBX_JOURNAL_OLDEST) return first;
    for (size_t i = 0; i < r->count; i++) {
        if (r->files[i].header.run != 0 && r->files[i].header.previous <= from) first = i;
    }
    return first;
}

/* Lists the segments and loads the one to begin with. */
static int look(dbx_journal_reader *r, uint64_t from, dbx_error *error) {
    dbx_alloc_free(r->files);
    int rc = dbx_segment_list(r->dir, &r->files, &r->count, error);
    if (rc != DBX_OK) return rc;
    r->first = r->at = first_segment(r, from);
    r->position = from == DBX_JOURNAL_OLDEST ? 0 : from;
    for (size_t i = 0; i < r->count; i++)
        note(r, r->files[i].header.run, 0);
    if (r->first == r->count) return DBX_OK;
    const dbx_segment_header *header = &r->files[r->first].header;
    /* `from` may be where a start cut the log off, to go on a little later. */
    bool joins = header->start > from && header->previous <= from;
    if (from == DBX_JOURNAL_OLDEST || joins) r->position = header->start;
    return load(r, r->first, error);
}

/* The oldest segment's beginning, or 0. Headers are sorted, those of spares first. */
static uint64_t oldest(const dbx_journal_reader *r) {
    size_t first = first_segment(r, DBX_JOURNAL_OLDEST);
    return first < r->count ? r->files[first].header.start : 0;
}

/* Looks at the directory anew before anything at r->position is called damaged. */
static int look_again(dbx_journal_reader *r, dbx_error *error) {
    uint64_t position = r->position;
    r->doubted = position;
    int rc = look(r, position, error);
    if (rc != DBX_OK) return rc;
    uint64_t begins = oldest(r);
    if (r->begins <= position && (begins == 0 || begins > position) && r->position == position) {
        return dropped(r, error);
    }
    return DBX_OK;
}

static int open_reader(const char *dir, uint64_t from, uint64_t upto, dbx_journal_reader **out,
                       dbx_error *error) {
    dbx_journal_reader *r = dbx_alloc_zero(1, sizeof *r);
    if (r == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    r->doubted = UINT64_MAX;
    r->upto = upto;
    int rc = dbx_file_path(r->dir, dir, "journal", error);
    if (rc == DBX_OK) rc = look(r, from, error);
    r->begins = oldest(r);
    r->group_start = r->position;
    if (rc != DBX_OK) {
        dbx_journal_reader_close(r);
        return rc;
    }
    *out = r;
    return DBX_OK;
}

int dbx_journal_reader_open(const char *dir, uint64_t from, dbx_journal_reader **out,
                            dbx_error *error) {
    return open_reader(dir, from, UINT64_MAX, out, error);
}

void dbx_journal_reader_close(dbx_journal_reader *r) {
    if (r == NULL) return;
    dbx_alloc_free(r->files);
    dbx_buf_free(&r->bytes);
    dbx_buf_free(&r->group);
    dbx_alloc_free(r);
}

/* How many bytes from here on can be no frame's beginning: there is no position 0. A segment ends
 * with many zeros. */
static size_t zeros(const uint8_t *at, size_t len) {
    static const uint8_t none[64];
    if (len < DBX_FRAME_POSITION_AT + sizeof none) return 0;
    if (memcmp(at + DBX_FRAME_POSITION_AT, none, sizeof none) != 0) return 0;
    return sizeof none - sizeof(uint64_t) + 1;
}

/* Looks behind the place where reading stopped, in every segment from the loaded one on, for
 * promises that more was synced. */
static int look_behind(dbx_journal_reader *r, dbx_error *error) {
    dbx_frame frame;
    for (size_t i = r->at; i < r->count; i++) {
        const dbx_segment_header *header = &r->files[i].header;
        int rc = i == r->at ? DBX_OK : load(r, i, error);
        if (rc != DBX_OK) return rc;
        if (header->start > r->position) note(r, header->run, header->durable);
        size_t offset = DBX_SEGMENT_HEADER_BYTES;
        if (r->position > header->start) offset += (size_t)(r->position - header->start);
        while (offset + DBX_FRAME_HEADER_BYTES_OLD <= r->base + r->bytes.len) {
            /* Only where a frame's position would stand does the right number stand by chance. */
            uint64_t position = header->start + offset - DBX_SEGMENT_HEADER_BYTES;
            const uint8_t *at = r->bytes.ptr + (offset - r->base);
            size_t empty = zeros(at, r->base + r->bytes.len - offset);
            if (empty > 0) {
                offset += empty;
            } else if (dbx_load64(at + DBX_FRAME_POSITION_AT) == position &&
                       frame_at(r, offset, &frame)) {
                note(r, frame.run, frame.durable);
                offset += frame.head + frame.len;
            } else {
                offset++;
            }
        }
    }
    return DBX_OK;
}

/* There is no frame at r->position: 0 if that is the end, 1 if it should be looked for again. */
static int end_of_log(dbx_journal_reader *r, dbx_error *error) {
    uint64_t stopped = r->position;
    uint64_t number = r->files[r->at].number;
    int rc = look_behind(r, error);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    /* A running owner may have written it, or dropped it, since it was loaded. */
    if ((rc == DBX_ENOTFOUND || r->durable > stopped) && r->doubted != stopped) {
        rc = look_again(r, error);
        return rc == DBX_OK ? 1 : rc;
    }
    if (rc != DBX_OK) return rc;
    if (r->durable > stopped) {
        return dbx_error_set(error, DBX_ECORRUPT,
                             "the journal is damaged at position %" PRIu64 " (%s/%08" PRIu64
                             ".log), although it was synced up to %" PRIu64
                             ": restore the directory from a backup, or move the journal directory "
                             "away to go on without what it holds",
                             stopped, r->dir, number, r->durable);
    }
    r->at = r->count;
    return 0;
}

/* Moves to the frame at r->position: in the loaded segment, or at the beginning of the next. */
static int find_frame(dbx_journal_reader *r, dbx_frame *frame, size_t *offset, dbx_error *error) {
    while (r->at < r->count) {
        const dbx_segment_header *header = &r->files[r->at].header;
        if (r->position >= header->start) {
            *offset = DBX_SEGMENT_HEADER_BYTES + (size_t)(r->position - header->start);
            if (frame_at(r, *offset, frame)) return 1;
        }
        bool more = r->at + 1 < r->count;
        if (!more || r->files[r->at + 1].header.previous != r->position) {
            int rc = end_of_log(r, error);
            if (rc == 1) continue;
            return rc;
        }
        int rc = load(r, r->at + 1, error);
        if (rc != DBX_OK) return rc;
        note(r, r->files[r->at].header.run, r->files[r->at].header.durable);
        r->position = r->files[r->at].header.start;
    }
    return 0;
}

int dbx_journal_reader_next(dbx_journal_reader *r, dbx_frame *frame, dbx_slice *effects,
                            dbx_error *error) {
    size_t offset = 0;
    r->group.len = 0;
    for (;;) {
        int rc = find_frame(r, frame, &offset, error);
        if (rc != 1) return rc;
        note(r, frame->run, frame->durable);
        const uint8_t *at = r->bytes.ptr + (offset - r->base);
        dbx_slice bytes = dbx_slice_of(at + frame->head, frame->len);
        r->position += frame->head + frame->len;
        bool goes_on = (frame->flags & DBX_FRAME_CONTINUES) != 0;
        if ((frame->flags & DBX_FRAME_CONTINUED) != 0 && r->group.len == 0) {
            r->group_start = r->position; /* the rest of a group whose beginning was dropped */
            continue;
        }
        if (!goes_on && r->group.len == 0) {
            *effects = bytes;
        } else {
            dbx_buf_add(&r->group, bytes.ptr, bytes.len);
            if (r->group.failed) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
            if (goes_on) continue;
            *effects = dbx_buf_slice(&r->group);
        }
        r->group_start = r->position;
        return 1;
    }
}

bool dbx_journal_has_turn(const char *dir, uint64_t turn, uint64_t end) {
    dbx_journal_reader *r = NULL;
    dbx_error error;
    dbx_frame frame;
    dbx_slice effects;
    if (open_reader(dir, turn, end, &r, &error) != DBX_OK) return false;
    int rc = 1;
    while (rc == 1 && r->group_start < end)
        rc = dbx_journal_reader_next(r, &frame, &effects, &error);
    bool has = rc == 1 && r->group_start == end;
    dbx_journal_reader_close(r);
    return has;
}

uint64_t dbx_journal_reader_begins(const dbx_journal_reader *r) {
    return r->begins;
}

uint64_t dbx_journal_reader_end(const dbx_journal_reader *r) {
    return r->group_start;
}

uint64_t dbx_journal_reader_run(const dbx_journal_reader *r) {
    return r->run;
}

int dbx_journal_reader_sync(dbx_journal_reader *r, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = DBX_OK;
    for (size_t i = r->first; rc == DBX_OK && i < r->count; i++) {
        rc = dbx_segment_path(path, r->dir, r->files[i].number, error);
        int fd = rc == DBX_OK ? dbx_file_open(path, O_RDWR, error) : rc;
        if (fd < 0) return fd;
        rc = dbx_file_sync(fd, path, error);
        (void)close(fd);
    }
    /* A process that was killed may have left names unsynced, and what is logged from now on says
     * that it follows what they name. */
    if (rc == DBX_OK && r->count > 0) rc = dbx_file_sync_dir(r->dir, error);
    return rc;
}

/* Whether the log ends in this segment, which has been read. */
static bool ends_in(const dbx_journal_reader *r, size_t index) {
    if (r->files[index].header.start > r->group_start) return false;
    return index + 1 == r->count || r->files[index + 1].header.start > r->group_start;
}

int dbx_journal_reader_settle(dbx_journal_reader *r, dbx_error *error) {
    static const uint8_t nothing[DBX_FRAME_HEADER_BYTES];
    char path[DBX_PATH_MAX];
    size_t last = r->first;
    while (last < r->count && !ends_in(r, last))
        last++;
    if (last == r->count) return DBX_OK;
    int rc = dbx_segment_path(path, r->dir, r->files[last].number, error);
    int fd = rc == DBX_OK ? dbx_file_open(path, O_RDWR, error) : rc;
    if (fd < 0) return fd;
    uint64_t at = DBX_SEGMENT_HEADER_BYTES + r->group_start - r->files[last].header.start;
    rc = dbx_file_write(fd, nothing, sizeof nothing, at, path, error);
    if (rc == DBX_OK) rc = dbx_file_sync(fd, path, error);
    (void)close(fd);
    return rc;
}
