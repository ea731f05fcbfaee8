/* type.c: see type.h. */
#include "types/type.h"

#include "types/collection.h"
#include "types/t_string.h"

static const char *const names[] = {
    [DBX_STRING] = "string", [DBX_LIST] = "list", [DBX_SETTYPE] = "set",
    [DBX_ZSET] = "zset",     [DBX_HASH] = "hash", [DBX_STREAM] = "stream",
};

const char *dbx_type_name(uint8_t type) {
    return type >= DBX_STRING && type <= DBX_STREAM ? names[type] : "unknown";
}

uint8_t dbx_type_by_name(dbx_slice name) {
    for (uint8_t type = DBX_STRING; type <= DBX_STREAM; type++) {
        if (dbx_slice_eq_nocase(name, dbx_slice_str(names[type]))) return type;
    }
    return 0;
}

const char *dbx_type_encoding(const dbx_key *k) {
    static const char *const of_strings[] = {
        [DBX_STRING_INT] = "int",
        [DBX_STRING_EMBSTR] = "embstr",
        [DBX_STRING_RAW] = "raw",
        [DBX_STRING_CHUNKED] = "raw",
    };
    static const char *const of_collections[] = {
        [DBX_ENCODING_LISTPACK] = "listpack",   [DBX_ENCODING_LISTPACKEX] = "listpackex",
        [DBX_ENCODING_HASHTABLE] = "hashtable", [DBX_ENCODING_INTSET] = "intset",
        [DBX_ENCODING_SKIPLIST] = "skiplist",   [DBX_ENCODING_QUICKLIST] = "quicklist",
        [DBX_ENCODING_STREAM] = "stream",
    };
    uint8_t encoding = k->meta.encoding;
    bool known = k->meta.type == DBX_STRING ? encoding <= DBX_STRING_CHUNKED
                                            : encoding <= DBX_ENCODING_STREAM;
    if (encoding == 0 || !known) return "unknown";
    return k->meta.type == DBX_STRING ? of_strings[encoding] : of_collections[encoding];
}

uint64_t dbx_type_size(const dbx_key *k) {
    return k->meta.type == DBX_STRING ? dbx_string_len(k) : k->meta.count;
}

int dbx_type_copy(dbx_txn *txn, const dbx_key *from, dbx_key *to) {
    return from->meta.type == DBX_STRING ? dbx_string_copy(txn, from, to)
                                         : dbx_collection_copy(txn, from, to);
}
