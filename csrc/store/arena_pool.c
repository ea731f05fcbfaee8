/* arena_pool.c: see arena_pool.h. */
#include "store/arena_pool.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

struct dbx_arena_pool {
    pthread_mutex_t mutex;
    uint8_t *first; /* spans, linked through their first word */
    size_t bytes, bytes_max;
};

dbx_arena_pool *dbx_arena_pool_new(void) {
    dbx_arena_pool *pool = dbx_alloc_zero(1, sizeof *pool);
    if (pool != NULL) pthread_mutex_init(&pool->mutex, NULL);
    return pool;
}

static uint8_t *pop(dbx_arena_pool *pool) {
    uint8_t *span = pool->first;
    if (span == NULL) return NULL;
    memcpy(&pool->first, span, sizeof pool->first);
    pool->bytes -= DBX_ARENA_SPAN_BYTES;
    return span;
}

void dbx_arena_pool_keep(dbx_arena_pool *pool, size_t bytes) {
    pthread_mutex_lock(&pool->mutex);
    pool->bytes_max = bytes;
    pthread_mutex_unlock(&pool->mutex);
}

bool dbx_arena_pool_trim(dbx_arena_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    uint8_t *span = pool->bytes > pool->bytes_max ? pop(pool) : NULL;
    pthread_mutex_unlock(&pool->mutex);
    dbx_alloc_free_pages(span, DBX_ARENA_SPAN_BYTES);
    return span != NULL;
}

size_t dbx_arena_pool_bytes(dbx_arena_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    size_t bytes = pool->bytes;
    pthread_mutex_unlock(&pool->mutex);
    return bytes;
}

void dbx_arena_pool_free(dbx_arena_pool *pool) {
    if (pool == NULL) return;
    dbx_arena_pool_keep(pool, 0);
    while (dbx_arena_pool_trim(pool)) {
    }
    pthread_mutex_destroy(&pool->mutex);
    dbx_alloc_free(pool);
}

uint8_t *dbx_arena_pool_take(dbx_arena_pool *pool) {
    if (pool == NULL) return NULL;
    pthread_mutex_lock(&pool->mutex);
    uint8_t *span = pop(pool);
    pthread_mutex_unlock(&pool->mutex);
    return span;
}

void dbx_arena_pool_give(dbx_arena_pool *pool, uint8_t *span) {
    if (pool != NULL) {
        pthread_mutex_lock(&pool->mutex);
        if (pool->bytes + DBX_ARENA_SPAN_BYTES <= pool->bytes_max) {
            memcpy(span, &pool->first, sizeof pool->first);
            pool->first = span;
            pool->bytes += DBX_ARENA_SPAN_BYTES;
            span = NULL;
        }
        pthread_mutex_unlock(&pool->mutex);
    }
    dbx_alloc_free_pages(span, DBX_ARENA_SPAN_BYTES);
}
