/* config.c: parsing, storing and printing settings; see config.h. */
#include "engine/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"

static int64_t *number_of(dbx_config *config, const dbx_setting_row *row) {
    return (int64_t *)(void *)((char *)config + row->field);
}

static char **text_of(dbx_config *config, const dbx_setting_row *row) {
    return (char **)(void *)((char *)config + row->field);
}

static bool named(const char *name, dbx_slice text) {
    return name != NULL && dbx_slice_eq_nocase(dbx_slice_str(name), text);
}

const dbx_setting_row *dbx_config_find(dbx_slice name) {
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if (named(row->name, name) || named(row->alias, name)) return row;
    }
    return NULL;
}

/* --- Parsing -------------------------------------------------------------------------------- */

/* Texts that name bounds or words are formatted here: CONFIG SET runs under the engine lock, but
 * engines of one process are apart. */
static _Thread_local char reason[256];

static int bad(const char **why, const char *text) {
    *why = text;
    return DBX_EINVAL;
}

static int bad_range(const char **why, const dbx_setting_row *row) {
    (void)snprintf(reason, sizeof reason,
                   "argument must be between %" PRId64 " and %" PRId64 " inclusive", row->min,
                   row->max);
    return bad(why, reason);
}

static int parse_word(const dbx_setting_row *row, dbx_slice text, int64_t *value,
                      const char **why) {
    size_t at = 0;
    (void)snprintf(reason, sizeof reason, "argument(s) must be one of the following: ");
    for (int64_t i = 0; row->words[i] != NULL; i++) {
        if (named(row->words[i], text)) {
            *value = i;
            return DBX_OK;
        }
        at = strlen(reason);
        (void)snprintf(reason + at, sizeof reason - at, "%s%s", i == 0 ? "" : ", ", row->words[i]);
    }
    return bad(why, reason);
}

static int parse_octal(dbx_slice text, int64_t *value) {
    int64_t sum = 0;
    if (text.len == 0 || text.len > 6) return DBX_EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7') return DBX_EINVAL;
        sum = sum * 8 + (text.ptr[i] - '0');
    }
    *value = sum;
    return DBX_OK;
}

static bool all_digits(dbx_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    }
    return true;
}

static int64_t clamped(const dbx_setting_row *row, int64_t value) {
    if (row->low == 0 && row->high == 0) return value;
    if (value < row->low) return row->low;
    return value > row->high ? row->high : value;
}

static int parse_number(const dbx_setting_row *row, dbx_slice text, int64_t *value,
                        const char **why) {
    uint64_t bytes;
    switch (row->kind) {
    case DBX_SETTING_BOOL:
        if (!named("yes", text) && !named("no", text))
            return bad(why, "argument must be 'yes' or 'no'");
        *value = named("yes", text) ? 1 : 0;
        return DBX_OK;
    case DBX_SETTING_ENUM:
        return parse_word(row, text, value, why);
    case DBX_SETTING_MEMORY:
        bytes = 0; /* what is empty is none, to Redis */
        if (text.len > 0 && !dbx_num_memory_from_slice(text, &bytes))
            return all_digits(text) ? bad_range(why, row)
                                    : bad(why, "argument must be a memory value");
        if (bytes > (uint64_t)INT64_MAX) return bad_range(why, row);
        *value = (int64_t)bytes;
        break;
    case DBX_SETTING_OCTAL:
        if (parse_octal(text, value) != DBX_OK) {
            return bad(why, "argument couldn't be parsed as an octal number");
        }
        break;
    default:
        if (!dbx_num_from_slice(text, value)) {
            return bad(why, "argument couldn't be parsed into an integer");
        }
    }
    return *value < row->min || *value > row->max ? bad_range(why, row) : DBX_OK;
}

/* next_word cuts the next blank-separated word off `text`; false when there is none. */
static bool next_word(dbx_slice *text, dbx_slice *word) {
    while (text->len > 0 && isspace(text->ptr[0])) {
        *text = dbx_slice_of(text->ptr + 1, text->len - 1);
    }
    size_t n = 0;
    while (n < text->len && !isspace(text->ptr[n]))
        n++;
    *word = dbx_slice_of(text->ptr, n);
    *text = dbx_slice_of(text->ptr + n, text->len - n);
    return n > 0;
}

static int class_of(dbx_slice word) {
    if (named("normal", word)) return DBX_CLASS_NORMAL;
    if (named("slave", word) || named("replica", word)) return DBX_CLASS_REPLICA;
    return named("pubsub", word) ? DBX_CLASS_PUBSUB : -1;
}

static int parse_limits(dbx_slice text, dbx_output_limit limits[DBX_CLASS_COUNT],
                        const char **why) {
    dbx_slice word, bytes[3];
    while (next_word(&text, &word)) {
        uint64_t hard, soft;
        int64_t seconds;
        for (int i = 0; i < 3; i++) {
            if (next_word(&text, &bytes[i])) continue;
            return bad(why, "Wrong number of arguments in buffer limit configuration.");
        }
        int class = class_of(word);
        if (class < 0)
            return bad(why, "Invalid client class specified in buffer limit configuration.");
        if (!dbx_num_memory_from_slice(bytes[0], &hard) ||
            !dbx_num_memory_from_slice(bytes[1], &soft) ||
            !dbx_num_from_slice(bytes[2], &seconds) || seconds < 0 || hard > INT64_MAX ||
            soft > INT64_MAX || seconds > DBX_OUTPUT_SOFT_S_MAX) {
            return bad(
                why, "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        }
        limits[class] = (dbx_output_limit){(int64_t)hard, (int64_t)soft, seconds};
    }
    return DBX_OK;
}

/* --- Storing ------------------------------------------------------------------------------------
 */

static int put_text(dbx_config *config, const dbx_setting_row *row, dbx_slice text,
                    const char **why) {
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        return bad(why, "argument must not contain a NUL byte");
    }
    char *copy = dbx_alloc(text.len + 1);
    if (copy == NULL) return DBX_ENOMEM;
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    dbx_alloc_free(*text_of(config, row));
    *text_of(config, row) = copy;
    return DBX_OK;
}

static int put_value(dbx_config *config, const dbx_setting_row *row, dbx_slice text,
                     const char **why) {
    int64_t value = 0;
    dbx_output_limit limits[DBX_CLASS_COUNT];
    int rc;
    switch (row->kind) {
    case DBX_SETTING_STRING:
        return put_text(config, row, text, why);
    case DBX_SETTING_LIMITS:
        memcpy(limits, config->output_limit, sizeof limits);
        rc = parse_limits(text, limits, why);
        if (rc == DBX_OK) memcpy(config->output_limit, limits, sizeof limits);
        return rc;
    default:
        rc = parse_number(row, text, &value, why);
        if (rc == DBX_OK) *number_of(config, row) = clamped(row, value);
        return rc;
    }
}

/* same_value: a fixed setting may be set to what it is. */
static bool same_value(dbx_config *config, const dbx_setting_row *row, dbx_slice text,
                       const char **why) {
    int64_t value = 0;
    if (row->kind == DBX_SETTING_STRING)
        return dbx_slice_eq(dbx_slice_str(*text_of(config, row)), text);
    return parse_number(row, text, &value, why) == DBX_OK && value == *number_of(config, row);
}

static const char *immutable(const dbx_setting_row *row) {
    return (row->flags & DBX_SETTING_PROTECTED) != 0 ? "can't set protected config"
                                                     : "can't set immutable config";
}

const char *dbx_config_immutable(const dbx_setting_row *row) {
    bool whatever = (row->flags & DBX_SETTING_CHECKED) == 0;
    return (row->flags & DBX_SETTING_START) != 0 && whatever ? immutable(row) : NULL;
}

int dbx_config_put(dbx_config *config, const dbx_setting_row *row, dbx_slice text, bool starting,
                   const char **why) {
    *why = NULL;
    if (!starting && (row->flags & DBX_SETTING_START) != 0) {
        int64_t value;
        if ((row->flags & DBX_SETTING_CHECKED) != 0 &&
            parse_number(row, text, &value, why) != DBX_OK)
            return DBX_EINVAL;
        return bad(why, immutable(row));
    }
    if ((row->flags & DBX_SETTING_FIXED) != 0) {
        if (same_value(config, row, text, why)) return DBX_OK;
        return *why != NULL ? DBX_EINVAL : bad(why, row->note);
    }
    int rc = put_value(config, row, text, why);
    if (rc == DBX_OK) config->generation++;
    return rc;
}

int dbx_config_init(dbx_config *config) {
    const char *why;
    memset(config, 0, sizeof *config);
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if (put_value(config, row, dbx_slice_str(row->initial), &why) == DBX_OK) continue;
        dbx_config_free(config);
        return DBX_ENOMEM;
    }
    return DBX_OK;
}

int dbx_config_copy(dbx_config *copy, const dbx_config *config) {
    const char *why;
    *copy = *config;
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if (row->kind == DBX_SETTING_STRING) *text_of(copy, row) = NULL;
    }
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if (row->kind != DBX_SETTING_STRING) continue;
        dbx_slice text = dbx_slice_str(*(char *const *)((const char *)config + row->field));
        if (put_text(copy, row, text, &why) == DBX_OK) continue;
        dbx_config_free(copy);
        return DBX_ENOMEM;
    }
    return DBX_OK;
}

void dbx_config_free(dbx_config *config) {
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if (row->kind == DBX_SETTING_STRING) dbx_alloc_free(*text_of(config, row));
    }
    memset(config, 0, sizeof *config);
}

/* --- Printing
 * ------------------------------------------------------------------------------------- */

static void print_limits(const dbx_config *config, dbx_buf *out) {
    static const char *const names[DBX_CLASS_COUNT] = {"normal", "slave", "pubsub"};
    for (int i = 0; i < DBX_CLASS_COUNT; i++) {
        const dbx_output_limit *limit = &config->output_limit[i];
        dbx_buf_printf(out, "%s%s %" PRId64 " %" PRId64 " %" PRId64, i == 0 ? "" : " ", names[i],
                       limit->hard_bytes, limit->soft_bytes, limit->soft_s);
    }
}

void dbx_config_print(const dbx_config *config, const dbx_setting_row *row, dbx_buf *out) {
    const void *field = (const char *)config + row->field;
    int64_t value = 0;
    if (row->kind == DBX_SETTING_STRING) {
        dbx_buf_str(out, *(char *const *)field);
        return;
    }
    if (row->kind == DBX_SETTING_LIMITS) {
        print_limits(config, out);
        return;
    }
    memcpy(&value, field, sizeof value);
    if (row->kind == DBX_SETTING_BOOL) {
        dbx_buf_str(out, value != 0 ? "yes" : "no");
    } else if (row->kind == DBX_SETTING_ENUM) {
        dbx_buf_str(out, row->words[value]);
    } else {
        dbx_buf_printf(out, row->kind == DBX_SETTING_OCTAL ? "%" PRIo64 : "%" PRId64, value);
    }
}
