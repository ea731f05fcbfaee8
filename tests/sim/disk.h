/* disk.h: a disk as power loss leaves it: what was done to the files below a directory, in order,
 * and the states that a machine may find after losing power in the middle of it.
 *
 * What is known of a real disk, as POSIX and Linux's file systems leave it:
 *   - fdatasync and fsync make a file's bytes and its size durable, as they were when it was
 * called; not its name.
 *   - fsync of a directory makes the names made, changed and removed in it durable.
 *   - Whatever else was done may have happened or not: each name for itself; sizes in order; bytes
 * in any order, torn at the borders of sectors. A sector holds what it held at some moment: never a
 *     later write without the earlier ones to the same sector.
 *   - After a failed sync of a file what was written to it may be lost although a later one
 * succeeds.
 */
#ifndef DBX_TESTS_SIM_DISK_H
#define DBX_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rand.h"

enum { DISK_SECTOR = 512, DISK_PAGE = 4096, DISK_PATH_MAX = 64 };

/* An image: names and the files behind them. Paths are relative to the recorded directory, and ""
 * is that directory itself. Pages are shared between images and never changed while they are. */
typedef struct disk_image disk_image;

disk_image *disk_image_new(void);
void disk_image_free(disk_image *image);
/* disk_image_write makes the image below `dir`, which is emptied before. */
void disk_image_write(disk_image *image, const char *dir);
void disk_remove_all(const char *dir);

/* --- The record ---------------------------------------------------------------------------------
 * Files are known by numbers, which stay when they are renamed. */

/* disk_record_begin starts a record of what is done to the files of `image`, which it takes. The
 * one before waits until disk_record_end, which forgets the new one. */
void disk_record_begin(disk_image *image);
/* disk_record_go_on starts one that goes on from a moment of the one before: the programs were
 * killed then, and the system lives on with what was not durable yet. */
void disk_record_go_on(size_t moment);
void disk_record_end(void);
bool disk_recording(void);

/* disk_file finds the number of the file at `path`; -1: there is none. */
int disk_file(const char *path);
int disk_create(const char *path);
void disk_make_directory(const char *path);
void disk_rename(const char *from, const char *to);
void disk_remove(const char *path);
void disk_write(int file, const void *bytes, size_t len, uint64_t at);
void disk_size(int file, uint64_t size); /* cut off, or longer by zeros */
/* disk_compare writes what differs from what the file was known to hold: it was changed through a
 * mapping. */
void disk_compare(int file, const void *bytes, size_t len);
/* disk_write_through is a write that returns when it is durable (O_DSYNC). */
void disk_write_through(int file, const void *bytes, size_t len, uint64_t at);
/* A sync covers what was recorded before its beginning. */
typedef struct disk_sync {
    size_t steps;
    int64_t us;
} disk_sync;

disk_sync disk_sync_begin(void);
void disk_sync_end(int file, disk_sync begun, bool failed);
void disk_sync_directory(const char *path, disk_sync begun, bool failed);

/* disk_moment is how many things have been recorded: a point in time. */
size_t disk_moment(void);
/* disk_time_us is when the last thing before `moment` happened. */
int64_t disk_time_us(size_t moment);
/* disk_syncing_us is how much time syncs have taken that ended between a time and a moment. */
int64_t disk_syncing_us(int64_t from_us, size_t moment);
/* disk_moment_of_byte is the end of the write that wrote the nth of the bytes written from `from`
 * to `to`; disk_bytes: how many those are. disk_moment_of_rename is that of the nth rename there,
 * of disk_renames. */
uint64_t disk_bytes(size_t from, size_t to);
size_t disk_moment_of_byte(size_t from, size_t to, uint64_t nth);
size_t disk_renames(size_t from, size_t to);
size_t disk_moment_of_rename(size_t from, size_t to, size_t nth);
/* disk_critical: around this moment the order of things matters (a sync, a name). */
bool disk_critical(size_t moment);
/* disk_pending is of how many files a power loss at this moment may lose something. */
size_t disk_pending(size_t moment);
/* disk_digest is the same for two records of the same things (without those that a record went on
 * from); disk_image_digest for two images that
 * hold the same. */
uint64_t disk_digest(void);
uint64_t disk_image_digest(disk_image *image);

/* --- What a power loss leaves -------------------------------------------------------------------
 */

typedef enum disk_loss {
    DISK_KILLED,  /* the system lives on: nothing is lost */
    DISK_LAST,    /* the last thing that was not synced is lost, or torn */
    DISK_SYNCED,  /* only what was synced is there */
    DISK_ORDERED, /* of the rest what came first, the last of it torn */
    DISK_MIXED,   /* of the rest anything, some of it torn */
    DISK_LATE,    /* of the rest rather what came last */
    DISK_ONE,     /* one thing of the rest is lost: what came later does without it */
    DISK_FILE,    /* all of the rest of one file, or one directory, is lost */
    DISK_OTHERS,  /* all of the rest but one file's, or one directory's */
    DISK_LOSSES
} disk_loss;

const char *disk_loss_name(disk_loss loss);

/* disk_after_loss is the image after a power loss at `moment`. `chance` decides what is lost. */
disk_image *disk_after_loss(size_t moment, disk_loss loss, dbx_rand *chance);

/* disk_print lists the last `count` things before `moment`, with whether they are durable there. */
void disk_print(size_t moment, size_t count, FILE *out);

#endif
