/* image.c: images of a disk: names, and files of shared pages. */
#include "image.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

static const uint8_t zeros[DISK_PAGE];

void *image_grow(void *array, size_t count, size_t size) {
    /* At powers of two, so that callers need not keep what there is room for. */
    if (count > 0 && (count & (count - 1)) != 0) return array;
    void *grown = realloc(array, (count == 0 ? 1 : 2 * count) * size);
    if (grown == NULL) abort();
    return grown;
}

disk_image *disk_image_new(void) {
    disk_image *image = calloc(1, sizeof *image);
    if (image == NULL) abort();
    image_link(image, "", -1);
    return image;
}

static void drop_page(image_page *page) {
    if (page != NULL && --page->refs == 0) free(page);
}

void disk_image_free(disk_image *image) {
    if (image == NULL) return;
    for (size_t i = 0; i < image->file_count; i++) {
        for (size_t k = 0; k < image->files[i].page_count; k++)
            drop_page(image->files[i].pages[k]);
        free(image->files[i].pages);
    }
    free(image->files);
    free(image->names);
    free(image);
}

disk_image *image_copy(const disk_image *image) {
    disk_image *copy = calloc(1, sizeof *copy);
    if (copy == NULL) abort();
    for (size_t i = 0; i < image->name_count; i++)
        image_link(copy, image->names[i].path, image->names[i].file);
    for (size_t i = 0; i < image->file_count; i++) {
        image_file *to = image_file_at(copy, (int)i);
        const image_file *from = &image->files[i];
        to->size = from->size;
        to->page_count = from->page_count;
        if (from->page_count == 0) continue;
        to->pages = malloc(from->page_count * sizeof *to->pages);
        if (to->pages == NULL) abort();
        for (size_t k = 0; k < from->page_count; k++) {
            to->pages[k] = from->pages[k];
            if (to->pages[k] != NULL) to->pages[k]->refs++;
        }
    }
    return copy;
}

/* --- Names ------------------------------------------------------------------------------------ */

int image_find(const disk_image *image, const char *path) {
    for (size_t i = 0; i < image->name_count; i++) {
        if (strcmp(image->names[i].path, path) == 0) return (int)i;
    }
    return -1;
}

void image_link(disk_image *image, const char *path, int file) {
    int at = image_find(image, path);
    if (at < 0) {
        image->names = image_grow(image->names, image->name_count, sizeof *image->names);
        at = (int)image->name_count++;
    }
    image_name *name = &image->names[at];
    if (strlen(path) >= sizeof name->path) abort();
    strcpy(name->path, path);
    name->file = file;
}

void image_unlink(disk_image *image, const char *path) {
    int at = image_find(image, path);
    if (at >= 0) image->names[at] = image->names[--image->name_count];
}

/* --- Files ------------------------------------------------------------------------------------ */

image_file *image_file_at(disk_image *image, int file) {
    while (image->file_count <= (size_t)file) {
        image->files = image_grow(image->files, image->file_count, sizeof *image->files);
        image->files[image->file_count++] = (image_file){.size = 0};
    }
    return &image->files[file];
}

const uint8_t *image_read_page(const image_file *file, size_t page) {
    return page < file->page_count && file->pages[page] != NULL ? file->pages[page]->bytes : zeros;
}

/* A page of the file's own, to be written to. */
static uint8_t *own_page(image_file *file, size_t index) {
    if (index >= file->page_count) {
        size_t count = index + index / 2 + 8;
        file->pages = realloc(file->pages, count * sizeof *file->pages);
        if (file->pages == NULL) abort();
        memset(file->pages + file->page_count, 0, (count - file->page_count) * sizeof *file->pages);
        file->page_count = count;
    }
    image_page *old = file->pages[index];
    if (old != NULL && old->refs == 1) return old->bytes;
    image_page *page = malloc(sizeof *page);
    if (page == NULL) abort();
    page->refs = 1;
    memcpy(page->bytes, old != NULL ? old->bytes : zeros, DISK_PAGE);
    drop_page(old);
    file->pages[index] = page;
    return page->bytes;
}

void image_bytes(image_file *file, const uint8_t *bytes, size_t len, uint64_t at) {
    if (len > 0 && at + len > file->size) file->size = at + len;
    while (len > 0) {
        size_t offset = (size_t)(at % DISK_PAGE);
        size_t n = DISK_PAGE - offset < len ? DISK_PAGE - offset : len;
        memcpy(own_page(file, (size_t)(at / DISK_PAGE)) + offset, bytes, n);
        bytes += n;
        at += n;
        len -= n;
    }
}

void image_size(image_file *file, uint64_t size) {
    size_t whole = (size_t)(size / DISK_PAGE), rest = (size_t)(size % DISK_PAGE);
    if (size < file->size) {
        if (rest > 0 && whole < file->page_count && file->pages[whole] != NULL) {
            memset(own_page(file, whole) + rest, 0, DISK_PAGE - rest);
        }
        for (size_t i = whole + (rest > 0); i < file->page_count; i++) {
            drop_page(file->pages[i]);
            file->pages[i] = NULL;
        }
    }
    file->size = size;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const image_name *)a)->path, ((const image_name *)b)->path);
}

static uint64_t file_digest(const image_file *file) {
    uint64_t digest = file->size;
    for (size_t i = 0; i * DISK_PAGE < file->size; i++)
        digest = dbx_hash_bytes(dbx_slice_of(image_read_page(file, i), DISK_PAGE), digest);
    return digest;
}

uint64_t disk_image_digest(disk_image *image) {
    uint64_t digest = image->name_count;
    qsort(image->names, image->name_count, sizeof *image->names, by_path);
    for (size_t i = 0; i < image->name_count; i++) {
        const image_name *name = &image->names[i];
        digest = dbx_hash_bytes(dbx_slice_str(name->path), digest);
        if (name->file >= 0) digest ^= file_digest(&image->files[name->file]);
    }
    return digest;
}

/* --- Into a real directory -------------------------------------------------------------------- */

static void write_file(const image_file *file, int fd) {
    for (size_t i = 0; i < file->page_count && i * DISK_PAGE < file->size; i++) {
        size_t n = file->size - i * DISK_PAGE < DISK_PAGE ? (size_t)(file->size - i * DISK_PAGE)
                                                          : DISK_PAGE;
        if (file->pages[i] == NULL) continue;
        if (pwrite(fd, file->pages[i]->bytes, n, (off_t)(i * DISK_PAGE)) != (ssize_t)n) abort();
    }
    if (ftruncate(fd, (off_t)file->size) != 0) abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place) {
    (void)st, (void)type, (void)place;
    return remove(path);
}

void disk_remove_all(const char *dir) {
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void disk_image_write(disk_image *image, const char *dir) {
    char path[DISK_PATH_MAX * 4];
    disk_remove_all(dir);
    /* A directory's name sorts before those of what is in it. */
    qsort(image->names, image->name_count, sizeof *image->names, by_path);
    for (size_t i = 0; i < image->name_count; i++) {
        const image_name *name = &image->names[i];
        (void)snprintf(path, sizeof path, "%s/%s", dir, name->path);
        if (name->file < 0) {
            if (mkdir(path, 0700) != 0) abort();
            continue;
        }
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) abort();
        write_file(&image->files[name->file], fd);
        (void)close(fd);
    }
}
