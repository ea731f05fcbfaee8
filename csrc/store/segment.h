/* segment.h: the files a journal is made of: a directory of numbered files of one size.
 *
 * A file's number says nothing; its header says where in the log it begins. A file whose frames
 * have all been applied is used again, header last, so that the disk's blocks are allocated once.
 */
#ifndef DBX_STORE_SEGMENT_H
#define DBX_STORE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/frame.h"

typedef struct dbx_segment {
    int fd;          /* -1: not open */
    uint64_t number; /* the file's name */
    uint64_t start;  /* position of its first frame */
    uint64_t end;    /* position after its last one; UINT64_MAX: not known yet */
    bool joined;     /* its first frame belongs to a turn that began in the segment before */
    uint32_t sequence;
} dbx_segment;

/* dbx_segment_path writes a segment's file name below the journal's directory. */
int dbx_segment_path(char *out, const char *dir, uint64_t number, dbx_error *error);
/* dbx_segment_create makes a file of `bytes` bytes with no header. With `sync` it and its name
 * survive power loss on return; without, the caller sees to that before anything depends on it. */
int dbx_segment_create(const char *dir, uint64_t number, uint64_t bytes, bool sync,
                       dbx_segment *out, dbx_error *error);
/* dbx_segment_begin writes a header: the segment now belongs to the log. Not synced. */
int dbx_segment_begin(const char *dir, dbx_segment *segment, const dbx_segment_header *header,
                      dbx_error *error);
void dbx_segment_close(dbx_segment *segment);
/* dbx_segment_remove closes and deletes the file. */
int dbx_segment_remove(const char *dir, dbx_segment *segment, dbx_error *error);

/* A listed file: its number and header; headerless ones (spares) have header.run == 0. */
typedef struct dbx_segment_file {
    uint64_t number;
    dbx_segment_header header;
} dbx_segment_file;

/* dbx_segment_list reads all headers below `dir`, in the order of their starts. *files is allocated
 * (free it with dbx_alloc_free). A missing directory is an empty list. DBX_EVERSION: a newer DBX
 * wrote one of them. */
int dbx_segment_list(const char *dir, dbx_segment_file **files, size_t *count, dbx_error *error);
/* dbx_segment_oldest is the index of the one with which the log begins; `count`: there is none.
 * What lies before a gap was to be removed with the segments that are missing. */
size_t dbx_segment_oldest(const dbx_segment_file *files, size_t count);

#endif
