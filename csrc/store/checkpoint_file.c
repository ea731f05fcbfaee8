/* checkpoint_file.c: see checkpoint_file.h. */
#include "store/checkpoint_file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"

enum { VERSION = 3, CRC_AT = DBX_CHECKPOINT_HEAD_BYTES - 4, NAME_BYTES = 64 };

static const uint8_t MAGIC[8] = {'D', 'B', 'X', 'C', 'H', 'K', 'P', 'T'};
static const char FOLDER[] = "checkpoint";
static const char *const suffixes[] = {".sealed", ".active", ".rest"};
enum { STATES = sizeof suffixes / sizeof suffixes[0] };

void dbx_checkpoint_store_head(uint8_t bytes[DBX_CHECKPOINT_HEAD_BYTES],
                               const dbx_checkpoint_head *head) {
    memset(bytes, 0, DBX_CHECKPOINT_HEAD_BYTES);
    memcpy(bytes, MAGIC, sizeof MAGIC);
    dbx_store32(bytes + 8, VERSION);
    dbx_store64(bytes + 16, head->run);
    dbx_store64(bytes + 24, head->span.from);
    dbx_store64(bytes + 32, head->span.to);
    dbx_store64(bytes + 40, (uint64_t)head->times.now_ms);
    dbx_store64(bytes + 48, (uint64_t)head->times.wall_ms);
    dbx_store64(bytes + 56, (uint64_t)head->oldest_ms);
    dbx_store64(bytes + 64, head->entries);
    dbx_store64(bytes + 72, head->chunks);
    dbx_store64(bytes + 80, head->turn);
    dbx_store64(bytes + 88, head->base);
    dbx_store32(bytes + CRC_AT, dbx_crc32c(0, bytes, CRC_AT));
}

bool dbx_checkpoint_load_head(const uint8_t bytes[DBX_CHECKPOINT_HEAD_BYTES],
                              dbx_checkpoint_head *head) {
    *head = (dbx_checkpoint_head){
        .span = {dbx_load64(bytes + 24), dbx_load64(bytes + 32)},
        .run = dbx_load64(bytes + 16),
        .times = {(int64_t)dbx_load64(bytes + 40), (int64_t)dbx_load64(bytes + 48)},
        .oldest_ms = (int64_t)dbx_load64(bytes + 56),
        .entries = dbx_load64(bytes + 64),
        .chunks = dbx_load64(bytes + 72),
        .turn = dbx_load64(bytes + 80),
        .base = dbx_load64(bytes + 88)};
    return memcmp(bytes, MAGIC, sizeof MAGIC) == 0 && dbx_load32(bytes + 8) == VERSION &&
           dbx_load32(bytes + CRC_AT) == dbx_crc32c(0, bytes, CRC_AT);
}

int dbx_checkpoint_path(char out[DBX_PATH_MAX], const char *dir, dbx_checkpoint_span span,
                        dbx_checkpoint_state state, dbx_error *error) {
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s/%" PRIu64 "-%" PRIu64 "%s", FOLDER, span.from, span.to,
                   suffixes[state]);
    return dbx_file_path(out, dir, name, error);
}

/* Calls `each` for every file. */
static int each_file(const char *dir,
                     int (*each)(const char *dir, dbx_checkpoint_span span,
                                 dbx_checkpoint_state state, void *arg),
                     void *arg, dbx_error *error) {
    char folder[DBX_PATH_MAX];
    int rc = dbx_file_path(folder, dir, FOLDER, error);
    if (rc != DBX_OK) return rc;
    DIR *listing = opendir(folder);
    if (listing == NULL) {
        return errno == ENOENT ? DBX_OK : dbx_file_error(errno, "open directory", folder, error);
    }
    struct dirent *file;
    while (rc == DBX_OK && (file = readdir(listing)) != NULL) {
        char *dash, *suffix;
        dbx_checkpoint_span span = {.from = strtoull(file->d_name, &dash, 10)};
        if (*dash != '-') continue;
        span.to = strtoull(dash + 1, &suffix, 10);
        for (unsigned i = 0; rc == DBX_OK && i < STATES; i++) {
            if (strcmp(suffix, suffixes[i]) == 0) rc = each(dir, span, i, arg);
        }
    }
    (void)closedir(listing);
    return rc;
}

typedef struct span_list {
    dbx_checkpoint_span *spans;
    size_t count, cap;
} span_list;

static int list_one(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_state state,
                    void *arg) {
    span_list *list = arg;
    (void)dir;
    if (state != DBX_CHECKPOINT_SEALED) return DBX_OK;
    void *spans = dbx_alloc_room(list->spans, &list->cap, list->count + 1, sizeof span);
    if (spans == NULL) return DBX_ENOMEM;
    list->spans = spans;
    list->spans[list->count++] = span;
    return DBX_OK;
}

int dbx_checkpoint_list(const char *dir, dbx_checkpoint_span **spans, size_t *count,
                        dbx_error *error) {
    span_list list = {.count = 0};
    int rc = each_file(dir, list_one, &list, error);
    if (rc == DBX_ENOMEM) (void)dbx_error_set(error, rc, "out of memory");
    if (rc != DBX_OK) {
        dbx_alloc_free(list.spans);
        list = (span_list){.count = 0};
    }
    *spans = list.spans;
    *count = list.count;
    return rc;
}

void dbx_checkpoint_remove(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_state state) {
    char path[DBX_PATH_MAX];
    if (dbx_checkpoint_path(path, dir, span, state, NULL) == DBX_OK) {
        (void)dbx_file_remove(path, NULL);
    }
}

typedef struct needed {
    uint64_t from; /* positions up to which nothing is */
    bool unsealed;
} needed;

static int remove_unneeded(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_state state,
                           void *arg) {
    const needed *n = arg;
    if (span.to <= n->from || (state != DBX_CHECKPOINT_SEALED && !n->unsealed)) {
        dbx_checkpoint_remove(dir, span, state);
    }
    return DBX_OK;
}

void dbx_checkpoint_tidy(const char *dir, uint64_t applied, bool unsealed) {
    needed n = {.from = applied, .unsealed = unsealed};
    (void)each_file(dir, remove_unneeded, &n, NULL);
}
