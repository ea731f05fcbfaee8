/* lolwut.c: drawing with random numbers; see lolwut.h. */
#include "engine/lolwut.h"

#include <stdbool.h>

#include "base/rand.h"

enum {
    MAZE_ROWS = 12,
    MAZE_COLUMNS = 48,
    SIDE_MAX = 1000,   /* columns and rows of text */
    SQUARES_MAX = 200, /* in a row, and in a column */
    PADDING = 2,       /* in dots, on each side, where there is room */
    WIDE = 4,          /* columns from which there is */
    DOTS_ACROSS = 2,   /* Redis draws with braille: a character has so many dots */
    DOTS_DOWN = 4,
    HOUSE_MAX = 9 /* columns */
};

#define RISING "\xE2\x95\xB1"
#define FALLING "\xE2\x95\xB2"
#define FULL_BLOCK "\xE2\x96\x88"

static size_t bounded(int64_t value, size_t max) {
    if (value < 1) return 1;
    return (uint64_t)value > max ? max : (size_t)value;
}

/* "10 PRINT CHR$(205.5+RND(1)); : GOTO 10" */
void dbx_lolwut_maze(dbx_buf *out) {
    dbx_rand rand;
    dbx_rand_seed(&rand);
    for (int row = 0; row < MAZE_ROWS; row++) {
        uint64_t bits = dbx_rand_u64(&rand);
        for (int column = 0; column < MAZE_COLUMNS; column++)
            dbx_buf_str(out, (bits >> column & 1) != 0 ? RISING : FALLING);
        dbx_buf_byte(out, '\n');
    }
    dbx_buf_str(out, "\n10 PRINT CHR$(205.5+RND(1)); : GOTO 10\n\n");
}

/* How many lines of text Redis's picture has: its squares are as high as they are wide, in dots. */
static size_t lines_of(size_t columns, size_t per_row, size_t per_column) {
    size_t padding = columns > WIDE ? PADDING : 0;
    double side = (double)(columns * DOTS_ACROSS - 2 * padding) / (double)per_row;
    size_t dots = (size_t)(side * (double)per_column) + 2 * padding;
    size_t lines = (dots + DOTS_DOWN - 1) / DOTS_DOWN;
    return lines > 0 ? lines : 1;
}

static void choose(dbx_rand *rand, bool *rises, size_t count) {
    for (size_t i = 0; i < count; i++)
        rises[i] = (dbx_rand_u64(rand) & 1) != 0;
}

void dbx_lolwut_squares(int64_t columns_asked, int64_t per_row_asked, int64_t per_column_asked,
                        dbx_buf *out) {
    size_t columns = bounded(columns_asked, SIDE_MAX);
    size_t per_row = bounded(per_row_asked, SQUARES_MAX);
    size_t per_column = bounded(per_column_asked, SQUARES_MAX);
    size_t lines = lines_of(columns, per_row, per_column), square_row = SIZE_MAX;
    bool rises[SQUARES_MAX];
    dbx_rand rand;
    dbx_rand_seed(&rand);
    for (size_t line = 0; line < lines; line++) {
        size_t row = line * per_column / lines;
        if (row != square_row) choose(&rand, rises, per_row);
        square_row = row;
        for (size_t column = 0; column < columns; column++)
            dbx_buf_str(out, rises[column * per_row / columns] ? RISING : FALLING);
        dbx_buf_byte(out, '\n');
    }
    dbx_buf_str(out, "\nEach square falls or rises. ");
}

void dbx_lolwut_skyline(int64_t columns_asked, int64_t rows_asked, dbx_buf *out) {
    size_t columns = bounded(columns_asked, SIDE_MAX), rows = bounded(rows_asked, SIDE_MAX);
    size_t heights[SIDE_MAX];
    dbx_rand rand;
    dbx_rand_seed(&rand);
    for (size_t at = 0; at < columns;) {
        size_t end = at + 1 + (size_t)(dbx_rand_u64(&rand) % HOUSE_MAX);
        size_t height = (size_t)(dbx_rand_u64(&rand) % (rows + 1));
        for (; at < end && at < columns; at++)
            heights[at] = height;
    }
    for (size_t row = rows; row > 0; row--) {
        for (size_t column = 0; column < columns; column++)
            dbx_buf_str(out, heights[column] >= row ? FULL_BLOCK : " ");
        dbx_buf_byte(out, '\n');
    }
    dbx_buf_str(out, "\nNobody lives here. ");
}
