/* syntax.h: a row's `syntax` string as a tree of arguments, from which COMMAND DOCS and later
 * OpenAPI and SDK stubs are made. The notation is the one of Redis's documentation, made precise:
 *
 *   key                  an argument; its type follows from its name, see below
 *   KEEPTTL              a word to be typed as it is (a pure token): whatever does not begin with a
 *                        lower-case letter; "" is the empty word
 *   EX seconds           an argument that follows a word
 *   [x]                  x may be left out
 *   key [key ...]        one or more of what stands before; GET pattern [GET pattern ...] when the
 *                        word comes again each time, WEIGHTS weight [weight ...] when it does not
 *   <unit: M | KM>       exactly one of these. `unit` names the choice; it is not typed
 *   [condition: NX | XX] none or one of these
 *   <data: score member> [data ...]    several arguments that belong together, repeated
 *   [LIMIT <limit: offset count>]      a word in front of several arguments
 *   <NX>                 a word that does not belong to the argument after it
 *
 * Suffixes of an argument's name, in this order, where the rules below do not give what is meant:
 *   increment:double     its type;  ALPHA:sorting: the name of a word that is not its lower case
 *   key2#0               which of the command's key specifications it is described by
 *   addr=ip:port         what documentation shows instead of the name
 *   seconds@2.6.12       the version that brought it; also after a closing bracket
 *   id!2.8.12            the version that deprecated it
 *
 * Types by name (the first that fits): `key`, what ends in "key" or "key" and a digit, `source`,
 * `destination`: key; what ends in `pattern`: pattern; what begins with `unix-time`: unix-time;
 * radius, width, height, longitude, latitude, score, timeout: double; start, stop, end, offset,
 * cursor, seconds, milliseconds, increment, decrement, rank, weight, db, index, port, slot, limit,
 * what ends in `count`, `-db` or `-len` or begins with `num`: integer; anything else: string. The
 * n-th key argument is described by the command's n-th key specification, or the last when it has
 * fewer.
 */
#ifndef DBX_COMMANDS_SYNTAX_H
#define DBX_COMMANDS_SYNTAX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { DBX_SYNTAX_NODES_MAX = 64, DBX_SYNTAX_DEPTH_MAX = 8 };

typedef enum dbx_syntax_type {
    DBX_SYNTAX_STRING,
    DBX_SYNTAX_INTEGER,
    DBX_SYNTAX_DOUBLE,
    DBX_SYNTAX_KEY,
    DBX_SYNTAX_PATTERN,
    DBX_SYNTAX_UNIX_TIME,
    DBX_SYNTAX_TOKEN, /* Redis: pure-token */
    DBX_SYNTAX_ONEOF,
    DBX_SYNTAX_BLOCK
} dbx_syntax_type;

enum { DBX_SYNTAX_OPTIONAL = 1, DBX_SYNTAX_MULTIPLE = 2, DBX_SYNTAX_MULTIPLE_TOKEN = 4 };

/* One argument. Slices point into the parsed string; absent ones have a NULL pointer. */
typedef struct dbx_syntax_node {
    dbx_slice name;    /* absent for a token whose name is its lower case */
    dbx_slice token;   /* the word in front, or the pure token itself; may be empty but present */
    dbx_slice display; /* absent: the name */
    dbx_slice since, deprecated_since;
    uint8_t type; /* dbx_syntax_type */
    uint8_t flags;
    int8_t key_spec; /* of a key: its key specification as written or counted; see above */
    uint8_t children;
    int16_t child, next; /* indices of the first child and of the next sibling; -1: none */
} dbx_syntax_node;

typedef struct dbx_syntax {
    dbx_syntax_node nodes[DBX_SYNTAX_NODES_MAX];
    int16_t count;
    int16_t first;     /* first argument, -1: none */
    uint8_t arguments; /* at the top level */
    const char *error; /* after a failure: what is wrong */
} dbx_syntax;

/* dbx_syntax_parse reads `text`, which must outlive *out. False: not in the notation above, or
 * larger than the limits; then out->error says why. */
bool dbx_syntax_parse(const char *text, dbx_syntax *out);

/* dbx_syntax_arity is the arity that follows for a command whose name has `name_words` words: how
 * many words a call has, or when that varies, how many at least, negative. */
int dbx_syntax_arity(const dbx_syntax *syntax, int name_words);

/* dbx_syntax_type_name is the type as COMMAND DOCS prints it. */
const char *dbx_syntax_type_name(dbx_syntax_type type);

#endif
