/* segment.c: see segment.h. */
#include "store/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/file.h"

int dbx_segment_path(char *out, const char *dir, uint64_t number, dbx_error *error) {
    char name[32];
    (void)snprintf(name, sizeof name, "%08" PRIu64 ".log", number);
    return dbx_file_path(out, dir, name, error);
}

int dbx_segment_create(const char *dir, uint64_t number, uint64_t bytes, bool sync,
                       dbx_segment *out, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = dbx_segment_path(path, dir, number, error);
    if (rc != DBX_OK) return rc;
    int fd = dbx_file_open(path, O_RDWR | O_CREAT | O_TRUNC, error);
    if (fd < 0) return fd;
    rc = dbx_file_allocate(fd, bytes, path, error);
    if (rc == DBX_OK && sync) rc = dbx_file_sync(fd, path, error);
    if (rc == DBX_OK && sync) rc = dbx_file_sync_dir(dir, error);
    if (rc != DBX_OK) {
        (void)close(fd);
        (void)dbx_file_remove(path, NULL);
        return rc;
    }
    *out = (dbx_segment){.fd = fd, .number = number, .end = UINT64_MAX};
    return DBX_OK;
}

int dbx_segment_begin(const char *dir, dbx_segment *segment, const dbx_segment_header *header,
                      dbx_error *error) {
    uint8_t bytes[DBX_SEGMENT_HEADER_BYTES];
    char path[DBX_PATH_MAX];
    int rc = dbx_segment_path(path, dir, segment->number, error);
    if (rc != DBX_OK) return rc;
    dbx_segment_header_seal(bytes, header);
    segment->start = header->start;
    segment->end = UINT64_MAX;
    return dbx_file_write(segment->fd, bytes, sizeof bytes, 0, path, error);
}

void dbx_segment_close(dbx_segment *segment) {
    if (segment->fd >= 0) (void)close(segment->fd);
    segment->fd = -1;
}

int dbx_segment_remove(const char *dir, dbx_segment *segment, dbx_error *error) {
    char path[DBX_PATH_MAX];
    dbx_segment_close(segment);
    int rc = dbx_segment_path(path, dir, segment->number, error);
    return rc != DBX_OK ? rc : dbx_file_remove(path, error);
}

static int read_header(const char *dir, uint64_t number, dbx_segment_header *header,
                       dbx_error *error) {
    uint8_t bytes[DBX_SEGMENT_HEADER_BYTES];
    char path[DBX_PATH_MAX];
    int rc = dbx_segment_path(path, dir, number, error);
    if (rc != DBX_OK) return rc;
    int fd = dbx_file_open(path, O_RDONLY, error);
    header->run = 0;
    if (fd < 0) return dbx_file_exists(path) ? fd : DBX_OK; /* its owner has just removed it */
    int64_t n = dbx_file_read(fd, bytes, sizeof bytes, 0, path, error);
    (void)close(fd);
    if (n < 0) return (int)n;
    if ((size_t)n < sizeof bytes || !dbx_segment_header_read(bytes, header)) {
        header->run = 0;
        return DBX_OK;
    }
    if (header->version <= DBX_SEGMENT_VERSION) return DBX_OK;
    /* Taken for a spare file, what it says would be lost. */
    return dbx_error_set(error, DBX_EVERSION,
                         "%s was written by a newer DBX (journal format %" PRIu32
                         ", this one knows %u): upgrade dbx-edge",
                         path, header->version, (unsigned)DBX_SEGMENT_VERSION);
}

/* Of segments that begin at one position all but the last are empty. */
static int by_start(const void *a, const void *b) {
    const dbx_segment_file *x = a, *y = b;
    bool spare_x = x->header.run == 0, spare_y = y->header.run == 0;
    if (spare_x != spare_y) return spare_x ? -1 : 1;
    if (x->header.start != y->header.start) return x->header.start > y->header.start ? 1 : -1;
    return (x->header.sequence > y->header.sequence) - (x->header.sequence < y->header.sequence);
}

static int add_file(const char *dir, const char *name, dbx_segment_file **files, size_t *count,
                    dbx_error *error) {
    char *end;
    unsigned long long number = strtoull(name, &end, 10);
    if (end == name || strcmp(end, ".log") != 0) return DBX_OK;
    void *grown = dbx_alloc_resize_array(*files, *count + 1, sizeof **files);
    if (grown == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    *files = grown;
    dbx_segment_file *file = &(*files)[*count];
    *file = (dbx_segment_file){.number = number};
    (*count)++;
    return read_header(dir, number, &file->header, error);
}

int dbx_segment_list(const char *dir, dbx_segment_file **files, size_t *count, dbx_error *error) {
    *files = NULL;
    *count = 0;
    DIR *listing = opendir(dir);
    if (listing == NULL) {
        return errno == ENOENT ? DBX_OK : dbx_file_error(errno, "open directory", dir, error);
    }
    int rc = DBX_OK;
    struct dirent *entry;
    while (rc == DBX_OK && (entry = readdir(listing)) != NULL) {
        rc = add_file(dir, entry->d_name, files, count, error);
    }
    (void)closedir(listing);
    if (rc != DBX_OK) {
        dbx_alloc_free(*files);
        *files = NULL;
        *count = 0;
        return rc;
    }
    if (*count > 1) qsort(*files, *count, sizeof **files, by_start);
    return DBX_OK;
}

/* The first builds numbered none, and left no gap that could be seen. */
static bool follows(const dbx_segment_header *next, const dbx_segment_header *before) {
    return next->sequence == before->sequence + 1 || next->sequence + before->sequence == 0;
}

size_t dbx_segment_oldest(const dbx_segment_file *files, size_t count) {
    size_t first = count;
    while (first > 0 && files[first - 1].header.run != 0 &&
           (first == count || follows(&files[first].header, &files[first - 1].header))) {
        first--;
    }
    return first;
}
