/* arena_marks.h: a mark on a block of an arena: which entries a buffer's next checkpoint saves.
 *
 * One bit for each place where a block may begin, in front of each chunk: marking costs a store
 * next to the block's own, and finding the marked ones takes time by their number, however large
 * the arena is. Only blocks of at most DBX_ARENA_BLOCK_MAX bytes have marks. Not thread-safe.
 */
#ifndef DBX_STORE_ARENA_MARKS_H
#define DBX_STORE_ARENA_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "store/arena.h"

/* dbx_arena_mark marks a block, dbx_arena_unmark takes the mark from it if it has one: so must be
 * done before the block is freed. */
void dbx_arena_mark(void *block);
void dbx_arena_unmark(void *block);
/* dbx_arena_next_marked gives up to `max` marked blocks, in no order of meaning, and moves *at (0
 * to begin) past them; returns how many, possibly 0, or DBX_ARENA_MARKS_END when there are no more.
 * What is marked behind *at meanwhile is not given. A call takes a bounded time. */
#define DBX_ARENA_MARKS_END SIZE_MAX
size_t dbx_arena_next_marked(const dbx_arena *arena, uint64_t *at, void **blocks, size_t max);

#endif
