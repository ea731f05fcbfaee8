/* frame.h: a journal frame's header and a segment's header: bytes on disk. See store/README.md.
 *
 * All numbers are little-endian. A frame is its header and `len` bytes of effects; its position is
 * its place in the log, in bytes since the log's beginning. Within a segment, position and file
 * offset run in step, which is what makes a frame found behind a damaged one recognisable.
 */
#ifndef DBX_STORE_FRAME_H
#define DBX_STORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DBX_FRAME_HEADER_BYTES = 56,
    DBX_FRAME_HEADER_BYTES_OLD = 48, /* in segments of version 1, without wall_ms; see below */
    DBX_FRAME_POSITION_AT = 16,      /* where the position stands in the header */
    DBX_FRAME_BYTES_MAX = 1 << 20,   /* header and effects */
    DBX_SEGMENT_HEADER_BYTES = 64,
    DBX_SEGMENT_VERSION = 2
};

enum dbx_frame_flags {
    DBX_FRAME_CONTINUES = 1u << 0, /* its last group goes on in the next frame */
    DBX_FRAME_CONTINUED = 1u << 1  /* its first group began in the frame before */
};

typedef struct dbx_frame {
    uint32_t head;    /* bytes of its header, when read */
    uint32_t len;     /* bytes of effects */
    uint32_t effects; /* how many */
    uint32_t flags;
    uint64_t run; /* which start of the store wrote it */
    uint64_t position;
    uint64_t time_ms; /* database time */
    uint64_t wall_ms;
    uint64_t durable; /* position known to be synced when this was written */
} dbx_frame;

/* dbx_frame_seal writes the header before `len` bytes of effects that follow it in memory. */
void dbx_frame_seal(uint8_t *header, const dbx_frame *frame);
/* dbx_frame_read reads a header and checks bounds, not the checksum. False: not a frame. */
bool dbx_frame_read(const uint8_t header[DBX_FRAME_HEADER_BYTES], dbx_frame *frame);
/* dbx_frame_read_old reads a header as version 1 had it: both clocks were one then. Builds between
 * the versions wrote today's headers into segments of version 1: only the checksum tells which. */
bool dbx_frame_read_old(const uint8_t header[DBX_FRAME_HEADER_BYTES_OLD], dbx_frame *frame);
/* dbx_frame_intact checks the checksum over header and effects. */
bool dbx_frame_intact(const uint8_t *header, const dbx_frame *frame);

typedef struct dbx_segment_header {
    uint32_t version; /* when read; DBX_SEGMENT_VERSION is written */
    uint64_t run;
    uint64_t start;    /* position of the first frame */
    uint64_t previous; /* where the log before this segment ends */
    uint64_t durable;  /* position known to be synced when this was written */
    uint64_t time_ms;
    uint32_t sequence; /* one more than that of the segment before; otherwise the log begins here */
} dbx_segment_header;

void dbx_segment_header_seal(uint8_t out[DBX_SEGMENT_HEADER_BYTES],
                             const dbx_segment_header *header);
/* dbx_segment_header_read reads one and checks it; false: this is none. Of a later version, which
 * the caller must refuse, only `version` means anything: magic, version and checksum lie in the
 * same place in all. */
bool dbx_segment_header_read(const uint8_t in[DBX_SEGMENT_HEADER_BYTES],
                             dbx_segment_header *header);

#endif
