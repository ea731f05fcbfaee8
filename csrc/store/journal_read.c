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
    dbx_buf bytes;           /* the loaded segment */
    uint64_t position;       /* of the next frame */
    uint64_t group_start;    /* end of the last whole group */
    uint64_t durable;        /* the highest promise met */
    uint64_t run;
    dbx_buf group; /* effects of a group that spans frames */
};

/* Loads a whole segment: reads fail where a mapping would kill the process. */
static int load(dbx_journal_reader *r, size_t index, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = dbx_segment_path(path, r->dir, r->files[index].number, error);
    if (rc != DBX_OK) return rc;
    int fd = dbx_file_open(path, O_RDONLY, error);
    if (fd < 0) return fd;
    int64_t size = dbx_file_size(fd, path, error);
    r->bytes.len = 0;
    if (size > 0 && dbx_buf_reserve(&r->bytes, (size_t)size) == NULL) {
        rc = dbx_error_set(error, DBX_ENOMEM, "out of memory while reading %s", path);
    } else if (size > 0) {
        int64_t n = dbx_file_read(fd, r->bytes.ptr, (size_t)size, 0, path, error);
        if (n < 0) rc = (int)n;
        if (n > 0) r->bytes.len = (size_t)n;
    } else if (size < 0) {
        rc = (int)size;
    }
    (void)close(fd);
    r->at = index;
    return rc;
}

/* The intact frame at `offset` of the loaded segment; false: there is none. */
static bool frame_at(const dbx_journal_reader *r, size_t offset, dbx_frame *frame) {
    const dbx_segment_header *header = &r->files[r->at].header;
    if (r->bytes.len < DBX_FRAME_HEADER_BYTES || offset > r->bytes.len - DBX_FRAME_HEADER_BYTES) {
        return false;
    }
    const uint8_t *at = r->bytes.ptr + offset;
    return dbx_frame_read(at, frame) && frame->run == header->run &&
           frame->position == header->start + offset - DBX_SEGMENT_HEADER_BYTES &&
           frame->len <= r->bytes.len - offset - DBX_FRAME_HEADER_BYTES &&
           dbx_frame_intact(at, frame);
}

static void note(dbx_journal_reader *r, uint64_t run, uint64_t durable) {
    if (run > r->run) r->run = run;
    if (durable > r->durable) r->durable = durable;
}

/* The segment to begin with: the last one that starts at or before `from`, or else the first. */
static size_t first_segment(const dbx_journal_reader *r, uint64_t from) {
    size_t first = 0;
    while (first < r->count && r->files[first].header.run == 0)
        first++; /* spares */
    if (from == DBX_JOURNAL_OLDEST) return first;
    for (size_t i = first; i < r->count; i++) {
        if (r->files[i].header.start <= from) first = i;
    }
    return first;
}

int dbx_journal_reader_open(const char *dir, uint64_t from, dbx_journal_reader **out,
                            dbx_error *error) {
    dbx_journal_reader *r = dbx_alloc_zero(1, sizeof *r);
    if (r == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    int rc = dbx_file_path(r->dir, dir, "journal", error);
    if (rc == DBX_OK) rc = dbx_segment_list(r->dir, &r->files, &r->count, error);
    if (rc == DBX_OK) {
        r->first = first_segment(r, from);
        r->position = from == DBX_JOURNAL_OLDEST ? 0 : from;
        for (size_t i = 0; i < r->count; i++)
            note(r, r->files[i].header.run, 0);
        if (r->first < r->count) {
            const dbx_segment_header *header = &r->files[r->first].header;
            /* `from` may be where a start cut the log off, to go on a little later. */
            bool joins = header->start > from && header->previous <= from;
            if (from == DBX_JOURNAL_OLDEST || joins) r->position = header->start;
            rc = load(r, r->first, error);
        }
        r->group_start = r->position;
    }
    if (rc != DBX_OK) {
        dbx_journal_reader_close(r);
        return rc;
    }
    *out = r;
    return DBX_OK;
}

void dbx_journal_reader_close(dbx_journal_reader *r) {
    if (r == NULL) return;
    dbx_alloc_free(r->files);
    dbx_buf_free(&r->bytes);
    dbx_buf_free(&r->group);
    dbx_alloc_free(r);
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
        while (offset + DBX_FRAME_HEADER_BYTES <= r->bytes.len) {
            /* Only where a frame's position would stand does the right number stand by chance. */
            uint64_t position = header->start + offset - DBX_SEGMENT_HEADER_BYTES;
            if (dbx_load64(r->bytes.ptr + offset + DBX_FRAME_POSITION_AT) == position &&
                frame_at(r, offset, &frame)) {
                note(r, frame.run, frame.durable);
                offset += DBX_FRAME_HEADER_BYTES + frame.len;
            } else {
                offset++;
            }
        }
    }
    return DBX_OK;
}

static int end_of_log(dbx_journal_reader *r, dbx_error *error) {
    uint64_t stopped = r->position;
    uint64_t number = r->files[r->at].number;
    int rc = look_behind(r, error);
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
            return end_of_log(r, error);
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
        dbx_slice bytes = dbx_slice_of(r->bytes.ptr + offset + DBX_FRAME_HEADER_BYTES, frame->len);
        r->position += DBX_FRAME_HEADER_BYTES + frame->len;
        bool goes_on = (frame->flags & DBX_FRAME_CONTINUES) != 0;
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

uint64_t dbx_journal_reader_end(const dbx_journal_reader *r) {
    return r->group_start;
}

uint64_t dbx_journal_reader_run(const dbx_journal_reader *r) {
    return r->run;
}

int dbx_journal_reader_settle(dbx_journal_reader *r, dbx_error *error) {
    static const uint8_t nothing[DBX_FRAME_HEADER_BYTES];
    char path[DBX_PATH_MAX];
    int rc = DBX_OK;
    for (size_t i = r->first; rc == DBX_OK && i < r->count; i++) {
        const dbx_segment_header *header = &r->files[i].header;
        bool last = i + 1 == r->count || r->files[i + 1].header.start > r->group_start;
        if (header->start > r->group_start) break;
        rc = dbx_segment_path(path, r->dir, r->files[i].number, error);
        int fd = rc == DBX_OK ? dbx_file_open(path, O_RDWR, error) : rc;
        if (fd < 0) return fd;
        if (last) {
            uint64_t at = DBX_SEGMENT_HEADER_BYTES + r->group_start - header->start;
            rc = dbx_file_write(fd, nothing, sizeof nothing, at, path, error);
        }
        if (rc == DBX_OK) rc = dbx_file_sync(fd, path, error);
        (void)close(fd);
    }
    return rc;
}
