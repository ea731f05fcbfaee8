/* keyspec.c: finding keys among arguments; see keyspec.h. */
#include "commands/keyspec.h"

#include "base/num.h"

bool dbx_keyspec_any(const dbx_command *command) {
    for (int i = 0; i < DBX_KEYSPECS_MAX && command->keys[i].flags != 0; i++) {
        if ((command->keys[i].flags & DBX_KEY_NOT_KEY) == 0) return true;
    }
    return false;
}

/* Where the search of `spec` begins: 0 when its keyword is not there. A negative `begin` counts
 * from the end and searches backwards. */
static size_t begin_of(const dbx_keyspec *spec, size_t argc, const dbx_slice *argv) {
    bool back = spec->begin < 0;
    size_t at = back ? argc - (size_t)-spec->begin : (size_t)spec->begin;
    if (spec->keyword == NULL) return at;
    dbx_slice keyword = dbx_slice_str(spec->keyword);
    for (; at > 0 && at < argc; at = back ? at - 1 : at + 1) {
        if (dbx_slice_eq_nocase(argv[at], keyword)) return at + 1;
    }
    return 0;
}

static int walk_range(const dbx_keyspec *spec, size_t first, size_t argc, uint32_t flags,
                      dbx_keyspec_fn *found, void *arg) {
    size_t last; /* exclusive */
    if (spec->last >= 0) {
        last = first + (size_t)spec->last + 1;
    } else {
        size_t left = spec->limit > 1 ? (argc - first) / (size_t)spec->limit : argc - first;
        size_t cut = spec->limit > 1 ? 0 : (size_t)-spec->last - 1;
        last = left > cut ? first + left - cut : first;
    }
    if (last > argc) return DBX_EINVAL;
    for (size_t i = first; i < last; i += (size_t)spec->step) {
        found(arg, i, flags);
    }
    return DBX_OK;
}

static int walk_keynum(const dbx_keyspec *spec, size_t first, size_t argc, const dbx_slice *argv,
                       uint32_t flags, dbx_keyspec_fn *found, void *arg) {
    size_t at = first + (size_t)spec->keynum_index;
    uint64_t count;
    if (at >= argc || !dbx_num_u64_from_slice(argv[at], &count)) return DBX_EINVAL;
    at = first + (size_t)spec->keynum_first;
    size_t step = (size_t)spec->keynum_step;
    if (count != 0 && (at >= argc || count > (argc - at + step - 1) / step)) return DBX_EINVAL;
    for (; count > 0; count--, at += step) {
        found(arg, at, flags);
    }
    return DBX_OK;
}

int dbx_keyspec_walk(const dbx_command *command, size_t argc, const dbx_slice *argv,
                     dbx_keyspec_fn *found, void *arg) {
    for (int i = 0; i < DBX_KEYSPECS_MAX && command->keys[i].flags != 0; i++) {
        const dbx_keyspec *spec = &command->keys[i];
        uint32_t flags = spec->flags;
        if (flags & DBX_KEY_NOT_KEY) continue;
        if ((flags & DBX_KEY_VARIABLE_FLAGS) && command->key_flags != NULL) {
            flags = command->key_flags(argc, argv);
        }
        size_t first = begin_of(spec, argc, argv);
        if (first == 0) continue;
        if (first >= argc) return DBX_EINVAL;
        int rc = DBX_OK;
        if (spec->find == DBX_KEYS_RANGE) {
            rc = walk_range(spec, first, argc, flags, found, arg);
        } else if (spec->find == DBX_KEYS_KEYNUM) {
            rc = walk_keynum(spec, first, argc, argv, flags, found, arg);
        }
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

/* As Redis does it: the ranges of all specifications joined when they follow each other. */
void dbx_keyspec_legacy(const dbx_command *command, int *first, int *last, int *step) {
    *first = *last = *step = 0;
    for (int i = 0; i < DBX_KEYSPECS_MAX && command->keys[i].flags != 0; i++) {
        const dbx_keyspec *spec = &command->keys[i];
        if (spec->keyword != NULL || spec->find != DBX_KEYS_RANGE) continue;
        int end = spec->last < 0 ? spec->last : spec->begin + spec->last;
        if (*first == 0) {
            *first = spec->begin;
            *last = end;
            *step = spec->step;
        } else if (*last >= 0 && spec->begin == *last + 1 && spec->step == 1) {
            *last = end;
        }
    }
}
