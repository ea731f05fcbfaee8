/* stream_id.c: see stream_id.h. */
#include "types/stream_id.h"

bool dbx_stream_id_next(dbx_stream_id *id) {
    if (id->seq < UINT64_MAX) {
        id->seq++;
    } else if (id->ms < UINT64_MAX) {
        *id = (dbx_stream_id){id->ms + 1, 0};
    } else {
        return false;
    }
    return true;
}

bool dbx_stream_id_prev(dbx_stream_id *id) {
    if (id->seq > 0) {
        id->seq--;
    } else if (id->ms > 0) {
        *id = (dbx_stream_id){id->ms - 1, UINT64_MAX};
    } else {
        return false;
    }
    return true;
}

size_t dbx_stream_id_put(uint8_t *out, dbx_stream_id id) {
    size_t n = dbx_format_number(out, id.ms);
    return n + dbx_format_number(out + n, id.seq);
}

bool dbx_stream_id_read(dbx_slice *in, dbx_stream_id *id) {
    return dbx_format_read_number(in, &id->ms) && dbx_format_read_number(in, &id->seq);
}

size_t dbx_stream_id_text(char out[DBX_STREAM_ID_TEXT_MAX], dbx_stream_id id) {
    size_t n = dbx_num_u64_to_text(id.ms, out);
    out[n++] = '-';
    return n + dbx_num_u64_to_text(id.seq, out + n);
}
