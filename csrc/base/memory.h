/* memory.h: how much memory this process may use: the machine's, or less if a cgroup says so. */
#ifndef DBX_BASE_MEMORY_H
#define DBX_BASE_MEMORY_H

#include <stdint.h>

/* dbx_memory_limit is in bytes; read anew at each call (cgroup v2 and v1, then physical memory). */
uint64_t dbx_memory_limit(void);

#endif
