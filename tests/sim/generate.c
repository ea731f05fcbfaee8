/* generate.c: random histories: see history.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/syntax.h"
#include "commands/table.h"
#include "history.h"

enum {
    NAMES = 24,
    NAMES_OF_TYPE = 6, /* beside those, of keys that commands of one type are mostly given */
    MEMBERS = 12,
    GROUPS_MAX = 8,
    LONG_NAME_BYTES = 1500, /* beyond what a key of the map may be */
    CALLS_MAX = 5,
    REPEATS_MAX = 3,
    WAIT_US_MAX = 1500000,
    SECOND_US = 1100000,        /* just beyond what appendfsync everysec may lose */
    TURN_BYTES_MAX = 900 << 10, /* without a transaction: a larger one is several frames */
    BURST_ONE_IN = 10,          /* steps, of turns of many bytes */
    VACUUM_ONE_IN = 4,          /* waits */
    BURST_MAX = 4,
    LONG_CALLS_MAX = 3 /* of such a turn */
};

typedef struct maker {
    dbx_rand rand, vacuums; /* what is drawn by the second leaves what the first draws as it is */
    history_call *call;
    const dbx_command *rows[512];
    size_t row_count;
    const char *groups[GROUPS_MAX]; /* of rows that write collections */
    size_t group_count;
    const dbx_command *row; /* whose words are drawn; NULL: one of strings */
    bool calm;              /* see history_make */
    bool full;      /* turns of many bytes: the log goes on to another segment now and then */
    uint64_t burst; /* so many of them follow, and nobody waits */
} maker;

static uint64_t below(maker *m, uint64_t n) {
    return dbx_rand_below(&m->rand, n);
}

static bool one_in(maker *m, uint64_t n) {
    return below(m, n) == 0;
}

/* --- Words -----------------------------------------------------------------------------------
 */

static void add_word(maker *m, dbx_slice word) {
    if (m->call->argc == HISTORY_WORDS_MAX) return; /* the command is refused: that is fine, too */
    uint8_t *copy = malloc(word.len + 1);
    if (copy == NULL) abort();
    memcpy(copy, word.ptr, word.len);
    m->call->argv[m->call->argc++] = dbx_slice_of(copy, word.len);
}

__attribute__((format(printf, 2, 3))) static void add_text(maker *m, const char *format, ...) {
    char text[64];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_word(m, dbx_slice_str(text));
}

static bool in_groups(const maker *m, const char *group) {
    for (size_t i = 0; i < m->group_count; i++) {
        if (strcmp(m->groups[i], group) == 0) return true;
    }
    return false;
}

/* Whether the row is of a type of collections. */
static bool of_collection(const maker *m) {
    return m->row != NULL && in_groups(m, m->row->group);
}

/* The group whose keys a command is given, so that lists meet lists; NULL: any. */
static const char *group_of_key(maker *m) {
    if (m->row == NULL || m->group_count == 0) return NULL;
    if (of_collection(m)) return one_in(m, 10) ? NULL : m->row->group;
    if (strcmp(m->row->group, "generic") != 0 || one_in(m, 2)) return NULL;
    return m->groups[below(m, m->group_count)];
}

static void add_key(maker *m) {
    const char *group = group_of_key(m);
    if (group != NULL) {
        add_text(m, "%s:%" PRIu64, group, below(m, NAMES_OF_TYPE));
        return;
    }
    char name[LONG_NAME_BYTES];
    size_t n = (size_t)below(m, NAMES), len = (size_t)snprintf(name, sizeof name, "key:%zu", n);
    if (n % 8 == 0) {
        memset(name + len, 'x', sizeof name - len);
        len = sizeof name;
    }
    add_word(m, dbx_slice_of((const uint8_t *)name, len));
}

static size_t value_bytes(maker *m) {
    uint64_t kind = below(m, 200);
    if (kind < 120) return (size_t)below(m, 60);
    if (kind < 170) return 1000 + (size_t)below(m, 7000);
    if (kind < 196) return 30000 + (size_t)below(m, 60000);
    if (kind < 199) return 300000 + (size_t)below(m, 300000);
    return 1100000 + (size_t)below(m, 200000); /* beyond DBX_SPOOL_MIN: in a file of its own */
}

static void add_bytes(maker *m, size_t len) {
    uint8_t *bytes = malloc(len + 8);
    if (bytes == NULL) abort();
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = dbx_rand_u64(&m->rand);
        memcpy(bytes + i, &word, 8);
    }
    add_word(m, dbx_slice_of(bytes, len));
    free(bytes);
}

static void add_value(maker *m) {
    if (of_collection(m) && !one_in(m, 4)) {
        add_text(m, "member:%" PRIu64, below(m, MEMBERS));
    } else if (one_in(m, 4)) {
        add_text(m, "%" PRIu64, below(m, 100000));
    } else {
        add_bytes(m, value_bytes(m));
    }
}

static bool in_name(const dbx_syntax_node *node, const char *part) {
    return node->name.ptr != NULL &&
           memmem(node->name.ptr, node->name.len, part, strlen(part)) != NULL;
}

/* What expires is a key, soon or late, or a field of a collection: late, for no reader of a whole
 * value could say whether the field was lost. */
static void add_integer(maker *m, const dbx_syntax_node *node) {
    bool milli = in_name(node, "milli");
    if (in_name(node, "seconds")) {
        uint64_t soon = milli ? 3000 : 3, late = milli ? 1000000000 : 1000000;
        add_text(m, "%" PRIu64,
                 !m->calm && !of_collection(m) && one_in(m, 3) ? 1 + below(m, soon)
                                                               : late + below(m, late));
    } else if (in_name(node, "db") || in_name(node, "index")) {
        add_text(m, "%" PRIu64, below(m, HISTORY_DATABASES));
    } else if (in_name(node, "offset")) {
        add_text(m, "%" PRIu64, below(m, one_in(m, 6) ? 200000 : 100));
    } else {
        add_text(m, "%" PRId64, (int64_t)below(m, 52) - 2);
    }
}

static void add_typed(maker *m, const dbx_syntax_node *node) {
    switch ((dbx_syntax_type)node->type) {
    case DBX_SYNTAX_KEY:
        add_key(m);
        break;
    case DBX_SYNTAX_INTEGER:
        add_integer(m, node);
        break;
    case DBX_SYNTAX_DOUBLE:
        if (in_name(node, "timeout")) {
            add_text(m, "0.01");
        } else {
            uint64_t whole = below(m, 100); /* drawn one by one: arguments have no order */
            add_text(m, "%" PRIu64 ".%" PRIu64, whole, below(m, 100));
        }
        break;
    case DBX_SYNTAX_PATTERN:
        add_text(m, "*");
        break;
    case DBX_SYNTAX_UNIX_TIME:
        add_text(m, "%" PRIu64 "%s", 2000000000 + below(m, 1000000000),
                 in_name(node, "milli") ? "000" : "");
        break;
    case DBX_SYNTAX_STRING:
    case DBX_SYNTAX_TOKEN:
    case DBX_SYNTAX_ONEOF:
    case DBX_SYNTAX_BLOCK:
        add_value(m);
        break;
    }
}

/* --- Calls -----------------------------------------------------------------------------------
 */

static void add_siblings(maker *m, const dbx_syntax *s, int16_t first);

/* One value of an argument, without its flags. As deep as a syntax nests: DBX_SYNTAX_DEPTH_MAX. */
static void add_one(maker *m, const dbx_syntax *s, const dbx_syntax_node *node) {
    if (node->type == DBX_SYNTAX_BLOCK) {
        add_siblings(m, s, node->child);
    } else if (node->type == DBX_SYNTAX_ONEOF) {
        int16_t at = node->child;
        for (uint64_t skip = below(m, node->children); skip > 0; skip--)
            at = s->nodes[at].next;
        const dbx_syntax_node *chosen = &s->nodes[at];
        if (chosen->token.ptr != NULL) add_word(m, chosen->token);
        if (chosen->type != DBX_SYNTAX_TOKEN) add_one(m, s, chosen);
    } else {
        add_typed(m, node);
    }
}

static void add_argument(maker *m, const dbx_syntax *s, const dbx_syntax_node *node,
                         uint64_t count) {
    if (node->type == DBX_SYNTAX_TOKEN) {
        add_word(m, node->token);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        bool again = i == 0 || (node->flags & DBX_SYNTAX_MULTIPLE_TOKEN) != 0;
        if (node->token.ptr != NULL && again) add_word(m, node->token);
        add_one(m, s, node);
    }
}

/* Arguments in a row. One that is a number of things counts those that come next. */
static void add_siblings(maker *m, const dbx_syntax *s, int16_t first) {
    uint64_t counted = 0;
    for (int16_t at = first; at >= 0; at = s->nodes[at].next) {
        const dbx_syntax_node *node = &s->nodes[at];
        const dbx_syntax_node *next = node->next >= 0 ? &s->nodes[node->next] : NULL;
        bool multiple = (node->flags & DBX_SYNTAX_MULTIPLE) != 0;
        uint64_t count = counted > 0 ? counted : multiple ? 1 + below(m, REPEATS_MAX) : 1;
        counted = 0;
        if ((node->flags & DBX_SYNTAX_OPTIONAL) != 0 && !one_in(m, 3)) continue;
        if (node->type == DBX_SYNTAX_INTEGER && node->name.ptr != NULL && node->name.len > 3 &&
            memcmp(node->name.ptr, "num", 3) == 0 && next != NULL &&
            (next->flags & DBX_SYNTAX_MULTIPLE) != 0) {
            counted = 1 + below(m, REPEATS_MAX);
            if (node->token.ptr != NULL) add_word(m, node->token);
            add_text(m, "%" PRIu64, counted);
            continue;
        }
        add_argument(m, s, node, count);
    }
}

static void add_row(maker *m, const dbx_command *row) {
    dbx_syntax syntax;
    m->row = row;
    const char *bar = strchr(row->name, '|');
    if (bar != NULL) {
        add_word(m, dbx_slice_of((const uint8_t *)row->name, (size_t)(bar - row->name)));
    }
    add_word(m, dbx_slice_str(bar != NULL ? bar + 1 : row->name));
    if (!dbx_syntax_parse(row->syntax, &syntax)) abort();
    add_siblings(m, &syntax, syntax.first);
}

/* Commands without keys are those on whole databases: rare, or nothing would be left to lose. */
static bool rare(const dbx_command *row) {
    return row->keys[0].flags == 0;
}

static void add_call(maker *m, history_call *call) {
    static const char *const setting[] = {"SET", "APPEND", "SETRANGE"};
    m->call = call;
    m->row = NULL;
    if (one_in(m, 40)) {
        add_text(m, "BGSAVE"); /* SAVE waits, and so is no part of a turn with others */
        if (one_in(m, 2)) add_text(m, "SCHEDULE");
    } else if (one_in(m, 25)) {
        add_text(m, "SELECT");
        add_text(m, "%" PRIu64, below(m, HISTORY_DATABASES));
    } else if (one_in(m, 3)) { /* something must be there for the others */
        const char *name = setting[below(m, 3)];
        add_text(m, "%s", name);
        add_key(m);
        if (name[3] == 'R') add_text(m, "%" PRIu64, below(m, one_in(m, 4) ? 100000 : 50));
        add_value(m);
    } else {
        const dbx_command *row;
        do {
            row = m->rows[below(m, m->row_count)];
        } while (rare(row) && !one_in(m, 10));
        add_row(m, row);
    }
}

/* Sets a long value: two or three are more than a frame holds, some of them more than a segment has
 * left. A few are in a file of their own. */
static void add_long_call(maker *m, history_call *call) {
    enum { SHORTEST = 400 << 10, LONGEST = 700 << 10, OWN_FILE = 1100 << 10 };
    m->call = call;
    m->row = NULL;
    add_text(m, "SET");
    add_key(m);
    add_bytes(m, one_in(m, 8) ? OWN_FILE : SHORTEST + (size_t)below(m, LONGEST - SHORTEST));
}

static size_t bytes_of(const history_step *step) {
    size_t bytes = 0;
    for (size_t i = 0; i < step->call_count; i++) {
        for (size_t k = 0; k < step->calls[i].argc; k++)
            bytes += step->calls[i].argv[k].len;
    }
    return bytes;
}

static void add_calls(maker *m, history_step *step, size_t count) {
    bool many = m->burst > 0; /* of bytes */
    if (many) m->burst--;
    if (many) count = 1 + (size_t)below(m, LONG_CALLS_MAX);
    step->transaction = count > 1 && (many || one_in(m, 2));
    step->hasty = m->burst > 0 || (!m->calm && one_in(m, 2));
    step->calls = calloc(count, sizeof *step->calls);
    if (step->calls == NULL) abort();
    while (step->call_count < count) {
        history_call *call = &step->calls[step->call_count++];
        if (many) {
            add_long_call(m, call);
        } else {
            add_call(m, call);
        }
        if (!step->transaction && bytes_of(step) > TURN_BYTES_MAX && step->call_count > 1) {
            step->call_count--; /* whole or absent only as one frame */
            break;
        }
    }
}

static void make_step(maker *m, history_step *step) {
    if (m->full && m->burst == 0 && one_in(m, BURST_ONE_IN)) m->burst = 1 + below(m, BURST_MAX);
    if (m->burst > 0) {
        step->kind = HISTORY_TURN;
        add_calls(m, step, 1);
    } else if (one_in(m, 40)) {
        step->kind = HISTORY_RESTART;
    } else if (one_in(m, 8)) {
        step->kind = HISTORY_WAIT;
        step->wait_us = (int64_t)below(m, one_in(m, 3) ? WAIT_US_MAX : 20000);
        if (one_in(m, 3)) step->wait_us = SECOND_US;
        step->vacuum = dbx_rand_below(&m->vacuums, VACUUM_ONE_IN) == 0;
    } else {
        step->kind = HISTORY_TURN;
        add_calls(m, step, one_in(m, 3) ? 1 + (size_t)below(m, CALLS_MAX) : 1);
    }
}

/* --- Histories -------------------------------------------------------------------------------
 */

static bool takes_part(const maker *m, const dbx_command *row) {
    if (row->run == NULL || (row->flags & DBX_CMD_WRITE) == 0) return false;
    for (const char *const *tip = row->tips; m->calm && tip != NULL && *tip != NULL; tip++) {
        if (strcmp(*tip, "nondeterministic_output") == 0) return false;
    }
    return true;
}

static void take_row(maker *m, const dbx_command *row) {
    static const char *const others[] = {"generic",      "string", "server",     "connection",
                                         "transactions", "bitmap", "hyperloglog"};
    if (!takes_part(m, row)) return;
    m->rows[m->row_count++] = row;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(row->group, others[i]) == 0) return;
    }
    if (!in_groups(m, row->group) && m->group_count < GROUPS_MAX)
        m->groups[m->group_count++] = row->group;
}

static void find_rows(maker *m) {
    const dbx_command *row;
    for (size_t i = 0; (row = dbx_table_at(i)) != NULL; i++) {
        take_row(m, row);
        for (const dbx_command *sub = row->subcommands; sub != NULL && sub->name != NULL; sub++) {
            take_row(m, sub);
        }
    }
    if (m->row_count == 0 || m->row_count > sizeof m->rows / sizeof m->rows[0]) abort();
}

/* Takes turns through the words, so that a few seeds in a row meet all of them. */
static const char *next_of(uint64_t *seed, const char *const *words, size_t count) {
    const char *chosen = words[*seed % count];
    *seed /= count;
    return chosen;
}

/* Turns of many bytes are for buffers that hold some of them, or the log would end with each. */
static void choose(maker *m, history *h) {
    static const char *const modes[] = {"always", "everysec", "no"};
    static const char *const buffers[] = {"16384", "65536", "1048576"};
    static const char *const full_buffers[] = {"16777216", "4194304", "1048576"};
    static const char *const logs[] = {"0", "65536", "1048576"};
    static const char *const full_logs[] = {"8388608", "16777216", "1048576"};
    static const char *const kept[] = {"0", "3145728"};
    static const char *const saved[] = {"0", "0", "1", "20"}; /* a command takes one or two */
    uint64_t seed = h->seed;
    m->full = seed % 2 == 1 && !m->calm;
    seed /= 2;
    /* Without a promise now and then there is little to break. */
    h->durability = seed % 8 == 7 ? modes[2] : next_of(&seed, modes, 2);
    const char *buffer = next_of(&seed, m->full ? full_buffers : buffers, 3);
    const char *log = next_of(&seed, m->full ? full_logs : logs, 3);
    const dbx_setting drawn[] = {{"loglevel", "nothing"},
                                 {"appendfsync", h->durability},
                                 {"write-buffer-size", buffer},
                                 {"journal-freeze-size", log},
                                 {"journal-keep-size", kept[below(m, 2)]},
                                 {"checkpoint-after", saved[h->seed / 3 % 4]},
                                 {NULL, NULL}};
    memcpy(h->settings, drawn, sizeof drawn);
}

history *history_make(uint64_t seed, size_t count, bool calm) {
    maker m = {.calm = calm};
    history *h = calloc(1, sizeof *h);
    if (h == NULL) abort();
    dbx_rand_seed_with(&m.rand, seed);
    dbx_rand_seed_with(&m.vacuums, ~seed);
    h->seed = seed;
    h->early_bytes = HISTORY_EARLY_BYTES;
    h->delta_bytes = 1;
    choose(&m, h);
    find_rows(&m);
    if (m.full) count = (count + 1) / 2; /* each start reads all that was written */
    h->steps = calloc(count, sizeof *h->steps);
    if (h->steps == NULL) abort();
    while (h->step_count < count)
        make_step(&m, &h->steps[h->step_count++]);
    return h;
}

history *history_without(const history *h, size_t from, size_t count) {
    history *copy = malloc(sizeof *copy);
    if (copy == NULL) abort();
    *copy = *h;
    copy->steps = malloc(h->step_count * sizeof *copy->steps);
    if (copy->steps == NULL) abort();
    copy->step_count = h->step_count - count;
    memcpy(copy->steps, h->steps, from * sizeof *h->steps);
    memcpy(copy->steps + from, h->steps + from + count,
           (h->step_count - from - count) * sizeof *h->steps);
    return copy;
}

void history_free(history *h) {
    free(h->steps);
    free(h);
}

static void print_word(dbx_slice word, FILE *out) {
    enum { SHOWN = 24 };
    fputc(' ', out);
    for (size_t i = 0; i < word.len && i < SHOWN; i++)
        fputc(word.ptr[i] > ' ' && word.ptr[i] < 0x7f ? word.ptr[i] : '.', out);
    if (word.len > SHOWN) fprintf(out, "(%zu bytes)", word.len);
    if (word.len == 0) fputs("\"\"", out);
}

void history_print(const history *h, FILE *out) {
    fprintf(out, "seed %" PRIu64 ",", h->seed);
    for (const dbx_setting *s = h->settings; s->name != NULL; s++)
        fprintf(out, " %s %s", s->name, s->value);
    fputc('\n', out);
    for (size_t i = 0; i < h->step_count; i++) {
        const history_step *step = &h->steps[i];
        fprintf(out, "  step %zu:", i);
        if (step->vacuum) fprintf(out, " VACUUM;");
        if (step->kind == HISTORY_WAIT) fprintf(out, " wait %" PRId64 " us", step->wait_us);
        if (step->kind == HISTORY_RESTART) fprintf(out, " stop and start");
        if (step->hasty) fprintf(out, " (nobody waits)");
        if (step->transaction) fprintf(out, " MULTI;");
        for (size_t k = 0; k < step->call_count; k++) {
            for (size_t w = 0; w < step->calls[k].argc; w++)
                print_word(step->calls[k].argv[w], out);
            if (k + 1 < step->call_count) fputc(';', out);
        }
        fputs(step->transaction ? "; EXEC\n" : "\n", out);
    }
}
