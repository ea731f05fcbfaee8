/* frame.c: see frame.h. */
#include "store/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/format.h"

static const uint8_t segment_magic[8] = {'D', 'B', 'X', 'J', 'R', 'N', 'L', '\n'};

void dbx_frame_seal(uint8_t *header, const dbx_frame *frame) {
    dbx_store32(header + 4, frame->len);
    dbx_store64(header + 8, frame->run);
    dbx_store64(header + DBX_FRAME_POSITION_AT, frame->position);
    dbx_store64(header + 24, frame->time_ms);
    dbx_store64(header + 32, frame->durable);
    dbx_store32(header + 40, frame->flags);
    dbx_store32(header + 44, frame->effects);
    dbx_store64(header + 48, frame->wall_ms);
    size_t covered = DBX_FRAME_HEADER_BYTES - 4 + (size_t)frame->len;
    dbx_store32(header, dbx_crc32c(0, header + 4, covered));
}

/* What headers of all versions begin with. */
static bool read_fields(const uint8_t *header, uint32_t head, dbx_frame *frame) {
    frame->head = head;
    frame->len = dbx_load32(header + 4);
    frame->run = dbx_load64(header + 8);
    frame->position = dbx_load64(header + DBX_FRAME_POSITION_AT);
    frame->time_ms = dbx_load64(header + 24);
    frame->durable = dbx_load64(header + 32);
    frame->flags = dbx_load32(header + 40);
    frame->effects = dbx_load32(header + 44);
    return frame->len > 0 && frame->len <= DBX_FRAME_BYTES_MAX - head && frame->run != 0;
}

bool dbx_frame_read(const uint8_t header[DBX_FRAME_HEADER_BYTES], dbx_frame *frame) {
    frame->wall_ms = dbx_load64(header + 48);
    return read_fields(header, DBX_FRAME_HEADER_BYTES, frame);
}

bool dbx_frame_read_old(const uint8_t header[DBX_FRAME_HEADER_BYTES_OLD], dbx_frame *frame) {
    bool read = read_fields(header, DBX_FRAME_HEADER_BYTES_OLD, frame);
    frame->wall_ms = frame->time_ms;
    return read;
}

bool dbx_frame_intact(const uint8_t *header, const dbx_frame *frame) {
    size_t covered = frame->head - 4 + (size_t)frame->len;
    return dbx_load32(header) == dbx_crc32c(0, header + 4, covered);
}

void dbx_segment_header_seal(uint8_t out[DBX_SEGMENT_HEADER_BYTES],
                             const dbx_segment_header *header) {
    memset(out, 0, DBX_SEGMENT_HEADER_BYTES);
    memcpy(out, segment_magic, sizeof segment_magic);
    dbx_store32(out + 8, DBX_SEGMENT_VERSION);
    dbx_store32(out + 12, header->sequence);
    dbx_store64(out + 16, header->run);
    dbx_store64(out + 24, header->start);
    dbx_store64(out + 32, header->previous);
    dbx_store64(out + 40, header->durable);
    dbx_store64(out + 48, header->time_ms);
    dbx_store32(out + 60, dbx_crc32c(0, out, 60));
}

bool dbx_segment_header_read(const uint8_t in[DBX_SEGMENT_HEADER_BYTES],
                             dbx_segment_header *header) {
    if (memcmp(in, segment_magic, sizeof segment_magic) != 0) return false;
    if (dbx_load32(in + 60) != dbx_crc32c(0, in, 60)) return false;
    header->version = dbx_load32(in + 8);
    header->sequence = dbx_load32(in + 12);
    header->run = dbx_load64(in + 16);
    header->start = dbx_load64(in + 24);
    header->previous = dbx_load64(in + 32);
    header->durable = dbx_load64(in + 40);
    header->time_ms = dbx_load64(in + 48);
    return true;
}
