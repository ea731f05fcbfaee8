/* image.h: the inside of a disk image, for disk.c and image.c. */
#ifndef DBX_TESTS_SIM_IMAGE_H
#define DBX_TESTS_SIM_IMAGE_H

#include "disk.h"

typedef struct image_page {
    unsigned refs;
    uint8_t bytes[DISK_PAGE];
} image_page;

typedef struct image_file {
    uint64_t size;
    image_page **pages; /* NULL: zeros */
    size_t page_count;
} image_file;

typedef struct image_name {
    char path[DISK_PATH_MAX];
    int file; /* -1: a directory */
} image_name;

struct disk_image {
    image_name *names;
    size_t name_count;
    image_file *files; /* by number; some without a name */
    size_t file_count;
};

void *image_grow(void *array, size_t count, size_t size);
disk_image *image_copy(const disk_image *image);
/* image_find returns the index of a name; -1: there is none. */
int image_find(const disk_image *image, const char *path);
void image_link(disk_image *image, const char *path, int file);
void image_unlink(disk_image *image, const char *path);
/* image_file_at makes sure that there is a file of this number. */
image_file *image_file_at(disk_image *image, int file);
void image_bytes(image_file *file, const uint8_t *bytes, size_t len, uint64_t at);
void image_size(image_file *file, uint64_t size);
const uint8_t *image_read_page(const image_file *file, size_t page);

#endif
