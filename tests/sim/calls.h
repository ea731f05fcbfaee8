/* calls.h: the system's calls on files, as the store and libmdbx make them in a simulated run: done
 * for real below one directory, recorded (disk.h), slow where a disk is, and made to fail.
 */
#ifndef DBX_TESTS_SIM_CALLS_H
#define DBX_TESTS_SIM_CALLS_H

#include <stdbool.h>

/* calls_root names the directory whose files are the disk; its parent is the machine's own. */
void calls_root(const char *dir);

/* How a call can fail. Each kind of call can fail in some of these ways, see calls.c. */
typedef enum calls_failure {
    CALLS_NO_SPACE,  /* ENOSPC */
    CALLS_QUOTA,     /* EDQUOT */
    CALLS_IO,        /* EIO */
    CALLS_INTERRUPT, /* EINTR */
    CALLS_SHORT,     /* a part is done, and said so */
    CALLS_NO_FILES,  /* EMFILE */
    CALLS_NO_MEMORY, /* ENOMEM: mappings and allocations, libmdbx's too */
    CALLS_NO_THREAD, /* EAGAIN */
    CALLS_FULL,      /* ENOSPC for whatever takes more room, from then on until calls_heal */
    CALLS_FAILURES
} calls_failure;

const char *calls_failure_name(calls_failure how);

/* calls_fail makes the n-th call from now that can fail in this way do so. */
void calls_fail(calls_failure how, long n);
/* calls_failed: it has happened. */
bool calls_failed(void);
/* calls_what tells which call it was. */
const char *calls_what(void);
/* calls_heal: nothing fails any more. */
void calls_heal(void);
/* calls_fault is asked by sched.c before it makes a thread: an errno, or 0. */
int calls_thread_fault(void);

#endif
