/* disk.c: the record of what was done to a disk, and what a power loss leaves of it: see disk.h. */
#include "disk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "image.h"
#include "sched.h"

enum { SECTORS_PER_PAGE = DISK_PAGE / DISK_SECTOR, RECORDS_MAX = 8 };

typedef enum kind { WRITE, SIZE, LINK, UNLINK, SYNC, SYNC_DIRECTORY } kind;

/* One thing that was done. */
typedef struct step {
    kind kind;
    int file;                 /* of LINK: -1: a directory */
    char path[DISK_PATH_MAX]; /* of names; of a directory's sync */
    char gone[DISK_PATH_MAX]; /* of LINK: the name it had before, if it was renamed */
    uint8_t *bytes;           /* owned */
    size_t len;
    uint64_t at;    /* of SIZE: the size; of syncs: what was recorded before this is covered */
    bool failed;    /* of syncs */
    size_t settled; /* the first sync that covers it: durable from there on, unless it failed */
    int64_t time_us;
    int64_t took_us; /* of syncs */
} step;

typedef struct record {
    disk_image *base;    /* durable when it began */
    disk_image *present; /* as the programs see it */
    step *steps;
    size_t step_count;
    size_t inherited; /* steps whose bytes are the record's before */
} record;

static record records[RECORDS_MAX + 1];
static record *r = records; /* the innermost one; records[0] is none */

/* Whether a directory's path is that in which a name lies. */
static bool is_in(const char *directory, const char *path) {
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    return strlen(directory) == len && strncmp(directory, path, len) == 0;
}

static bool covers(const step *sync, size_t at) {
    const step *s = &r->steps[at];
    if (sync->at <= at) return false;
    if (sync->kind == SYNC) return (s->kind == WRITE || s->kind == SIZE) && s->file == sync->file;
    return sync->kind == SYNC_DIRECTORY && (s->kind == LINK || s->kind == UNLINK) &&
           is_in(sync->path, s->path) && (s->gone[0] == '\0' || is_in(sync->path, s->gone));
}

/* --- Recording --------------------------------------------------------------------------------
 */

void disk_record_begin(disk_image *image) {
    if (++r > records + RECORDS_MAX) abort();
    r->base = image;
    r->present = image_copy(image);
}

void disk_record_go_on(size_t moment) {
    const record *before = r;
    disk_image *present = disk_after_loss(moment, DISK_KILLED, NULL);
    disk_record_begin(image_copy(before->base));
    disk_image_free(r->present);
    r->present = present;
    for (size_t i = 0; i < moment; i++) {
        r->steps = image_grow(r->steps, i, sizeof *r->steps);
        r->steps[i] = before->steps[i];
        if (r->steps[i].settled >= moment) r->steps[i].settled = SIZE_MAX;
    }
    r->step_count = r->inherited = moment;
}

void disk_record_end(void) {
    for (size_t i = r->inherited; i < r->step_count; i++)
        free(r->steps[i].bytes);
    free(r->steps);
    disk_image_free(r->base);
    disk_image_free(r->present);
    *r = (record){.base = NULL};
    r--;
}

bool disk_recording(void) {
    return r->base != NULL;
}

static step *add(kind what, int file, const char *path) {
    r->steps = image_grow(r->steps, r->step_count, sizeof *r->steps);
    step *s = &r->steps[r->step_count++];
    *s = (step){.kind = what, .file = file, .settled = SIZE_MAX, .time_us = sched_now_us()};
    if (strlen(path) >= sizeof s->path) abort();
    strcpy(s->path, path);
    return s;
}

int disk_file(const char *path) {
    int at = image_find(r->present, path);
    return at < 0 ? -1 : r->present->names[at].file;
}

int disk_create(const char *path) {
    int file = (int)r->present->file_count;
    (void)image_file_at(r->present, file);
    image_link(r->present, path, file);
    (void)add(LINK, file, path);
    return file;
}

void disk_make_directory(const char *path) {
    image_link(r->present, path, -1);
    (void)add(LINK, -1, path);
}

void disk_rename(const char *from, const char *to) {
    int file = disk_file(from);
    image_unlink(r->present, from);
    image_link(r->present, to, file);
    strcpy(add(LINK, file, to)->gone, from);
}

void disk_remove(const char *path) {
    image_unlink(r->present, path);
    (void)add(UNLINK, -1, path);
}

void disk_write(int file, const void *bytes, size_t len, uint64_t at) {
    if (len == 0) return;
    step *s = add(WRITE, file, "");
    s->bytes = malloc(len);
    if (s->bytes == NULL) abort();
    memcpy(s->bytes, bytes, len);
    s->len = len;
    s->at = at;
    image_bytes(image_file_at(r->present, file), bytes, len, at);
}

void disk_size(int file, uint64_t size) {
    if (image_file_at(r->present, file)->size == size) return;
    image_size(image_file_at(r->present, file), size);
    add(SIZE, file, "")->at = size;
}

void disk_compare(int file, const void *bytes, size_t len) {
    const uint8_t *from = bytes;
    for (size_t at = 0; at < len; at += DISK_PAGE) {
        size_t n = len - at < DISK_PAGE ? len - at : DISK_PAGE;
        const uint8_t *known = image_read_page(image_file_at(r->present, file), at / DISK_PAGE);
        if (memcmp(known, from + at, n) != 0) disk_write(file, from + at, n, at);
    }
}

disk_sync disk_sync_begin(void) {
    return (disk_sync){r->step_count, sched_now_us()};
}

static void add_sync(kind what, int file, const char *path, disk_sync begun, bool failed) {
    step *sync = add(what, file, path);
    sync->at = begun.steps;
    sync->took_us = sync->time_us - begun.us;
    sync->failed = failed;
    if (failed && what == SYNC_DIRECTORY) return;
    for (size_t i = 0; i < begun.steps; i++) {
        if (r->steps[i].settled == SIZE_MAX && covers(sync, i))
            r->steps[i].settled = r->step_count - 1;
    }
}

void disk_sync_end(int file, disk_sync begun, bool failed) {
    add_sync(SYNC, file, "", begun, failed);
}

void disk_sync_directory(const char *path, disk_sync begun, bool failed) {
    add_sync(SYNC_DIRECTORY, -1, path, begun, failed);
}

void disk_write_through(int file, const void *bytes, size_t len, uint64_t at) {
    disk_write(file, bytes, len, at);
    add(SYNC, file, "")->at = 0;
    r->steps[r->step_count - 2].settled = r->step_count - 1;
}

size_t disk_moment(void) {
    return r->step_count;
}

int64_t disk_time_us(size_t moment) {
    return moment == 0 ? 0 : r->steps[moment - 1].time_us;
}

int64_t disk_syncing_us(int64_t from_us, size_t moment) {
    int64_t us = 0;
    for (size_t i = moment; i-- > 0 && r->steps[i].time_us >= from_us;)
        us += r->steps[i].took_us;
    return us;
}

uint64_t disk_bytes(size_t from, size_t to) {
    uint64_t bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += r->steps[i].len;
    return bytes;
}

size_t disk_moment_of_byte(size_t from, size_t to, uint64_t nth) {
    for (size_t i = from; i < to; i++) {
        if (nth < r->steps[i].len) return i + 1;
        nth -= r->steps[i].len;
    }
    return to;
}

size_t disk_renames(size_t from, size_t to) {
    size_t count = 0;
    for (size_t i = from; i < to; i++)
        count += r->steps[i].gone[0] != '\0';
    return count;
}

size_t disk_moment_of_rename(size_t from, size_t to, size_t nth) {
    for (size_t i = from; i < to; i++) {
        if (r->steps[i].gone[0] != '\0' && nth-- == 0) return i + 1;
    }
    return to;
}

bool disk_critical(size_t moment) {
    for (size_t i = moment > 0 ? moment - 1 : 0; i <= moment && i < r->step_count; i++) {
        if (r->steps[i].kind != WRITE) return true;
    }
    return false;
}

static const char *name_of(int file) {
    static char text[DISK_PATH_MAX + 16];
    for (size_t i = r->step_count; i-- > 0;) {
        if (r->steps[i].kind == LINK && r->steps[i].file == file) return r->steps[i].path;
    }
    for (size_t i = 0; i < r->base->name_count; i++) {
        if (r->base->names[i].file == file) return r->base->names[i].path;
    }
    (void)snprintf(text, sizeof text, "file %d", file);
    return text;
}

/* Between the two ends of a page of its tree libmdbx leaves what was in memory, addresses too: see
 * mp_lower and mp_upper in its sources. Not for looking at: a copy without it. */
static uint8_t *without_gaps(const step *s) {
    enum { HEADER = 20, FLAGS = 10, LOWER = 12, UPPER = 14, BRANCH_OR_LEAF = 3 };
    uint8_t *bytes = malloc(s->len + 1);
    if (bytes == NULL) abort();
    if (s->len > 0) memcpy(bytes, s->bytes, s->len);
    if (s->kind != WRITE || strstr(name_of(s->file), "data.mdbx") == NULL) return bytes;
    for (size_t at = 0; at + DISK_PAGE <= s->len; at += DISK_PAGE) {
        uint8_t *page = bytes + at;
        size_t from = HEADER + dbx_load16(page + LOWER), to = HEADER + dbx_load16(page + UPPER);
        bool tree = (page[FLAGS] & BRANCH_OR_LEAF) != 0 && from <= to && to <= DISK_PAGE;
        if (tree) memset(page + from, 0, to - from);
    }
    return bytes;
}

uint64_t disk_digest(void) {
    uint64_t digest = r->step_count;
    for (size_t i = r->inherited; i < r->step_count; i++) {
        const step *s = &r->steps[i];
        const uint64_t words[] = {s->kind, (uint64_t)s->file, s->at, s->len, (uint64_t)s->time_us};
        digest = dbx_hash_bytes(dbx_slice_of((const uint8_t *)words, sizeof words), digest);
        uint8_t *bytes = without_gaps(s);
        digest = dbx_hash_bytes(dbx_slice_of(bytes, s->len), digest);
        free(bytes);
        digest = dbx_hash_bytes(dbx_slice_str(s->path), digest);
    }
    return digest;
}

/* --- What is durable --------------------------------------------------------------------------
 */

static bool is_change(const step *s) {
    return s->kind != SYNC && s->kind != SYNC_DIRECTORY;
}

static bool is_durable(size_t at, size_t moment) {
    return r->steps[at].settled < moment && !r->steps[r->steps[at].settled].failed;
}

size_t disk_pending(size_t moment) {
    size_t files = r->present->file_count + 1, pending = 0;
    bool *seen = calloc(files, 1); /* names count as one file */
    if (seen == NULL) abort();
    for (size_t i = 0; i < moment; i++) {
        const step *s = &r->steps[i];
        if (!is_change(s) || is_durable(i, moment)) continue;
        bool named = s->kind == LINK || s->kind == UNLINK;
        bool *mark = &seen[named ? files - 1 : (size_t)s->file];
        pending += !*mark;
        *mark = true;
    }
    free(seen);
    return pending;
}

/* --- What is lost -----------------------------------------------------------------------------
 */

static const char *const loss_names[] = {"killed", "last", "synced", "ordered", "mixed",
                                         "late",   "one",  "file",   "others"};

const char *disk_loss_name(disk_loss loss) {
    return loss_names[loss];
}

/* What is kept of each step: for a WRITE, of each sector that it touches. */
typedef struct fate {
    bool durable;
    bool whole; /* all of it, as durable is */
    bool *kept; /* of sectors; NULL: none, or all if `whole` */
    size_t sectors;
} fate;

static size_t first_sector(const step *s) {
    return (size_t)(s->at / DISK_SECTOR);
}

static size_t sector_count(const step *s) {
    return (size_t)((s->at + s->len - 1) / DISK_SECTOR) - first_sector(s) + 1;
}

static bool percent(dbx_rand *chance, unsigned of_hundred) {
    return dbx_rand_below(chance, 100) < of_hundred;
}

/* Some sectors of a write: its beginning, its end or any, in pages or in sectors. */
static void tear(fate *f, const step *s, dbx_rand *chance) {
    size_t count = sector_count(s), unit = percent(chance, 50) ? SECTORS_PER_PAGE : 1;
    size_t cut = (size_t)dbx_rand_below(chance, count / unit + 1) * unit;
    unsigned how = (unsigned)dbx_rand_below(chance, 3);
    f->kept = calloc(count, 1);
    if (f->kept == NULL) abort();
    f->sectors = count;
    bool keep = false;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || (first_sector(s) + i) % unit == 0) keep = percent(chance, 50);
        f->kept[i] = how == 0 ? i < cut : how == 1 ? i >= cut : keep;
    }
}

/* How likely a step that is not durable is to be there. */
static unsigned kept_percent(disk_loss loss, size_t at, size_t moment) {
    switch (loss) {
    case DISK_KILLED:
        return 100;
    case DISK_MIXED:
        return 50;
    case DISK_LATE:
        return (unsigned)(at * 100 / moment);
    default:
        break;
    }
    return 0;
}

/* The nth step that is not durable; `moment`: there are fewer. */
static size_t find_pending(const fate *fates, size_t moment, size_t nth) {
    for (size_t i = 0; i < moment; i++) {
        if (is_change(&r->steps[i]) && !fates[i].durable && nth-- == 0) return i;
    }
    return moment;
}

/* Whether both are about the bytes of one file, or the names in one directory. */
static bool belong_together(const step *a, const step *b) {
    bool names = a->kind == LINK || a->kind == UNLINK;
    if (names != (b->kind == LINK || b->kind == UNLINK)) return false;
    if (!names) return a->file == b->file;
    const char *slash = strrchr(a->path, '/');
    char above[DISK_PATH_MAX];
    (void)snprintf(above, sizeof above, "%.*s", slash != NULL ? (int)(slash - a->path) : 0,
                   a->path);
    return is_in(above, b->path);
}

/* Whether a step that is not durable is there, of those that only one thing decides. */
static bool spared(disk_loss loss, size_t at, size_t chosen) {
    switch (loss) {
    case DISK_ORDERED:
        return at < chosen;
    case DISK_LAST:
    case DISK_ONE:
        return at != chosen;
    case DISK_FILE:
        return !belong_together(&r->steps[at], &r->steps[chosen]);
    case DISK_OTHERS:
        return belong_together(&r->steps[at], &r->steps[chosen]);
    default:
        return false;
    }
}

static fate *draw(size_t moment, disk_loss loss, dbx_rand *chance) {
    fate *fates = calloc(moment + 1, sizeof *fates);
    if (fates == NULL) abort();
    size_t pending = 0;
    for (size_t i = 0; i < moment; i++) {
        fates[i].durable = fates[i].whole = is_change(&r->steps[i]) && is_durable(i, moment);
        pending += is_change(&r->steps[i]) && !fates[i].durable;
    }
    if (pending == 0) return fates;
    size_t chosen = moment;
    if (loss >= DISK_ONE || loss == DISK_ORDERED) {
        chosen = find_pending(fates, moment, dbx_rand_below(chance, pending));
    } else if (loss == DISK_LAST) {
        chosen = find_pending(fates, moment, pending - 1);
    }
    for (size_t i = 0; i < moment; i++) {
        fate *f = &fates[i];
        if (f->durable || !is_change(&r->steps[i])) continue;
        unsigned often = kept_percent(loss, i, moment);
        f->whole = spared(loss, i, chosen) || often == 100 || (often > 0 && percent(chance, often));
        bool one = loss == DISK_ORDERED || loss == DISK_ONE || loss == DISK_LAST;
        bool torn = (one && i == chosen) ||
                    ((loss == DISK_MIXED || loss == DISK_LATE) && percent(chance, 25));
        if (torn && r->steps[i].kind == WRITE) {
            f->whole = false;
            tear(f, &r->steps[i], chance);
        }
    }
    return fates;
}

/* Sizes change in order: those that are there are the first ones. */
static void order_sizes(fate *fates, size_t moment) {
    for (size_t i = 0; i < moment; i++) {
        if (r->steps[i].kind != SIZE || fates[i].whole) continue;
        for (size_t k = i + 1; k < moment; k++) {
            if (r->steps[k].kind == SIZE && r->steps[k].file == r->steps[i].file &&
                !fates[k].durable)
                fates[k].whole = false;
        }
    }
}

/* A sector that holds a later write holds the earlier ones, too: walked from the last, with the
 * sectors that are there in `later`. */
static void complete_sectors(fate *fates, size_t moment) {
    bool **later = calloc(r->present->file_count + 1, sizeof *later);
    size_t *len = calloc(r->present->file_count + 1, sizeof *len);
    if (later == NULL || len == NULL) abort();
    for (size_t i = moment; i-- > 0;) {
        const step *s = &r->steps[i];
        fate *f = &fates[i];
        if (s->kind != WRITE) continue;
        size_t first = first_sector(s), count = sector_count(s), end = first + count;
        if (end > len[s->file]) {
            later[s->file] = realloc(later[s->file], end);
            if (later[s->file] == NULL) abort();
            memset(later[s->file] + len[s->file], 0, end - len[s->file]);
            len[s->file] = end;
        }
        bool *there = later[s->file] + first;
        if (!f->whole && f->kept == NULL) {
            f->kept = calloc(count, 1);
            if (f->kept == NULL) abort();
            f->sectors = count;
        }
        for (size_t k = 0; k < count; k++) {
            if (f->whole) {
                there[k] = true;
            } else if (there[k]) {
                f->kept[k] = true;
            } else {
                there[k] = f->kept[k];
            }
        }
    }
    for (size_t i = 0; i <= r->present->file_count; i++)
        free(later[i]);
    free(later);
    free(len);
}

static void apply_write(disk_image *image, const step *s, const fate *f) {
    image_file *file = image_file_at(image, s->file);
    if (f->whole) {
        image_bytes(file, s->bytes, s->len, s->at);
        return;
    }
    for (size_t k = 0; k < f->sectors; k++) {
        if (!f->kept[k]) continue;
        uint64_t from = (uint64_t)(first_sector(s) + k) * DISK_SECTOR, to = from + DISK_SECTOR;
        if (from < s->at) from = s->at;
        if (to > s->at + s->len) to = s->at + s->len;
        image_bytes(file, s->bytes + (from - s->at), (size_t)(to - from), from);
    }
}

static void apply(disk_image *image, const step *s, const fate *f) {
    if (s->kind == WRITE) {
        apply_write(image, s, f);
    } else if (!f->whole) {
        return;
    } else if (s->kind == SIZE) {
        image_size(image_file_at(image, s->file), s->at);
    } else if (s->kind == LINK) {
        if (s->gone[0] != '\0') image_unlink(image, s->gone);
        if (s->file >= 0) (void)image_file_at(image, s->file);
        image_link(image, s->path, s->file);
    } else {
        image_unlink(image, s->path);
    }
}

/* What lies in a directory whose name is lost is lost with it. */
static void drop_orphans(disk_image *image) {
    char above[DISK_PATH_MAX];
    for (size_t i = 0; i < image->name_count;) {
        strcpy(above, image->names[i].path);
        char *slash = strrchr(above, '/');
        if (slash == NULL) slash = above;
        *slash = '\0';
        bool orphan = image_find(image, above) < 0;
        if (orphan) image_unlink(image, image->names[i].path);
        i = orphan ? 0 : i + 1;
    }
}

disk_image *disk_after_loss(size_t moment, disk_loss loss, dbx_rand *chance) {
    disk_image *image = image_copy(r->base);
    fate *fates = draw(moment, loss, chance);
    order_sizes(fates, moment);
    complete_sectors(fates, moment);
    for (size_t i = 0; i < moment; i++) {
        if (is_change(&r->steps[i])) apply(image, &r->steps[i], &fates[i]);
        free(fates[i].kept);
    }
    free(fates);
    drop_orphans(image);
    return image;
}

/* --- For people -------------------------------------------------------------------------------
 */

void disk_print(size_t moment, size_t count, FILE *out) {
    static const char *const names[] = {"write",  "size", "link",
                                        "unlink", "sync", "sync directory"};
    for (size_t i = moment > count ? moment - count : 0; i < moment; i++) {
        const step *s = &r->steps[i];
        fprintf(out, "  %6zu %" PRId64 " us  %s ", i, s->time_us, names[s->kind]);
        if (s->kind == WRITE) {
            fprintf(out, "%s %zu bytes at %" PRIu64, name_of(s->file), s->len, s->at);
        } else if (s->kind == SIZE) {
            fprintf(out, "%s %" PRIu64, name_of(s->file), s->at);
        } else if (s->kind == SYNC) {
            fprintf(out, "%s since %" PRIu64, name_of(s->file), s->at);
        } else {
            fprintf(out, "\"%s\"%s%s", s->path, s->gone[0] != '\0' ? " was " : "", s->gone);
        }
        if (is_change(s)) fprintf(out, "%s", is_durable(i, moment) ? "" : "  [not durable]");
        fprintf(out, "%s\n", s->failed ? "  [failed]" : "");
    }
}
