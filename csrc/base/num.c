/* num.c: integers and amounts of memory from and to text; see num.h. Reals are in num_real.c. */
#include "base/num.h"

#include <string.h>

/* Reads 1..20 digits without a leading zero into *out; "0" alone is fine. */
static bool read_digits(const uint8_t *p, size_t n, uint64_t *out) {
    if (n == 0 || n > DBX_NUM_U64_TEXT_MAX || (p[0] == '0' && n > 1)) return false;
    uint64_t value = 0;
    size_t safe = n < 19 ? n : 19; /* 19 digits cannot overflow */
    for (size_t i = 0; i < safe; i++) {
        unsigned digit = p[i] - (unsigned)'0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    if (n > safe) {
        unsigned digit = p[safe] - (unsigned)'0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool dbx_num_u64_from_slice(dbx_slice text, uint64_t *out) {
    return read_digits(text.ptr, text.len, out);
}

bool dbx_num_from_slice(dbx_slice text, int64_t *out) {
    uint64_t value;
    if (text.len > 0 && text.ptr[0] == '-') {
        if (!read_digits(text.ptr + 1, text.len - 1, &value)) return false;
        if (value == 0 || value > (uint64_t)INT64_MAX + 1) return false;
        *out = (int64_t)(0 - value);
        return true;
    }
    if (!read_digits(text.ptr, text.len, &value) || value > INT64_MAX) return false;
    *out = (int64_t)value;
    return true;
}

unsigned dbx_num_digits(uint64_t value) {
    unsigned digits = 1;
    for (;;) {
        if (value < 10) return digits;
        if (value < 100) return digits + 1;
        if (value < 1000) return digits + 2;
        if (value < 10000) return digits + 3;
        value /= 10000;
        digits += 4;
    }
}

size_t dbx_num_u64_to_text(uint64_t value, char out[DBX_NUM_U64_TEXT_MAX]) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    size_t len = dbx_num_digits(value);
    char *at = out + len;
    while (value >= 100) {
        at -= 2;
        memcpy(at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        memcpy(out, pairs + value * 2, 2);
    } else {
        out[0] = (char)('0' + value);
    }
    return len;
}

size_t dbx_num_to_text(int64_t value, char out[DBX_NUM_TEXT_MAX]) {
    if (value >= 0) return dbx_num_u64_to_text((uint64_t)value, out);
    out[0] = '-';
    return 1 + dbx_num_u64_to_text(0 - (uint64_t)value, out + 1);
}

bool dbx_num_memory_from_slice(dbx_slice text, uint64_t *out) {
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"", 1},
                 {"b", 1},
                 {"k", 1000},
                 {"kb", 1024},
                 {"m", 1000 * 1000},
                 {"mb", 1024 * 1024},
                 {"g", 1000 * 1000 * 1000},
                 {"gb", 1024 * 1024 * 1024}};
    size_t digits = 0;
    uint64_t value = 0;
    for (; digits < text.len; digits++) {
        unsigned digit = text.ptr[digits] - (unsigned)'0';
        if (digit > 9) break;
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (digits == 0) return false;
    dbx_slice unit = dbx_slice_of(text.ptr + digits, text.len - digits);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!dbx_slice_eq_nocase(unit, dbx_slice_str(units[i].name))) continue;
        if (value > UINT64_MAX / units[i].bytes) return false;
        *out = value * units[i].bytes;
        return true;
    }
    return false;
}
