/* memory.c: see memory.h. */
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512 };

/* A number alone in a file; `limit` when the file is absent or says "max". */
static uint64_t read_limit(const char *path, uint64_t limit) {
    uint64_t value;
    FILE *file = fopen(path, "re");
    if (file == NULL) return limit;
    if (fscanf(file, "%" SCNu64, &value) == 1 && value > 0 && value < limit) limit = value;
    (void)fclose(file);
    return limit;
}

/* The tightest limit of the group at `path` below `root` and of the groups above it. */
static uint64_t group_limit(const char *root, char *path, const char *file, uint64_t limit) {
    char full[2 * LINE_MAX_BYTES];
    for (;;) {
        int n = snprintf(full, sizeof full, "%s%s/%s", root, path, file);
        if (n > 0 && (size_t)n < sizeof full) limit = read_limit(full, limit);
        char *slash = strrchr(path, '/');
        if (slash == NULL) return limit;
        *slash = '\0';
    }
}

uint64_t dbx_memory_limit(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t limit =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : (uint64_t)256 << 20;
    char line[LINE_MAX_BYTES];
    FILE *groups = fopen("/proc/self/cgroup", "re");
    if (groups == NULL) return limit;
    /* Lines are "id:controllers:path"; version 2 has no controllers. */
    while (fgets(line, sizeof line, groups) != NULL) {
        char *controllers = strchr(line, ':');
        char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL) continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (controllers[1] == '\0') {
            limit = group_limit("/sys/fs/cgroup", path, "memory.max", limit);
        } else if (strstr(controllers, "memory") != NULL) {
            limit = group_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", limit);
        }
    }
    (void)fclose(groups);
    return limit;
}
