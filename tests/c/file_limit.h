/* file_limit.h: files that cannot grow: what a full disk is to those that are there already. */
#ifndef DBX_TESTS_FILE_LIMIT_H
#define DBX_TESTS_FILE_LIMIT_H

#include "check.h"

#include <signal.h>
#include <sys/resource.h>

/* limit_files: from now on no file of this process is written beyond `bytes`; RLIM_INFINITY: all
 * are. */
static inline void limit_files(rlim_t bytes) {
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
