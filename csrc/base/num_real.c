/* num_real.c: doubles and long doubles from and to text; see num.h.
 *
 * Doubles are printed by Loitsch's Grisu2, because Redis does: in about one of a thousand numbers
 * it gives a digit more than needed, and replies must not differ in that digit.
 */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Printing doubles ------------------------------------------------------------------------ */

enum {
    REAL_MANTISSA_BITS = 52,
    REAL_EXPONENT_BIAS = 1023 + REAL_MANTISSA_BITS,
    REAL_DIGITS_MAX = 18,
    POWER_FIRST = -348, /* powers[0] is 10^-348, each next one 10^8 times as much */
    POWER_STEP = 8,
    POWER_COUNT = 87
};

#define REAL_HIDDEN_BIT (UINT64_C(1) << REAL_MANTISSA_BITS)

/* mantissa * 2^exponent */
typedef struct scaled {
    uint64_t mantissa;
    int exponent;
} scaled;

/* Rounded powers of ten with the highest bit set. */
static const scaled powers[POWER_COUNT] = {
    {0xfa8fd5a0081c0288u, -1220}, {0xbaaee17fa23ebf76u, -1193}, {0x8b16fb203055ac76u, -1166},
    {0xcf42894a5dce35eau, -1140}, {0x9a6bb0aa55653b2du, -1113}, {0xe61acf033d1a45dfu, -1087},
    {0xab70fe17c79ac6cau, -1060}, {0xff77b1fcbebcdc4fu, -1034}, {0xbe5691ef416bd60cu, -1007},
    {0x8dd01fad907ffc3cu, -980},  {0xd3515c2831559a83u, -954},  {0x9d71ac8fada6c9b5u, -927},
    {0xea9c227723ee8bcbu, -901},  {0xaecc49914078536du, -874},  {0x823c12795db6ce57u, -847},
    {0xc21094364dfb5637u, -821},  {0x9096ea6f3848984fu, -794},  {0xd77485cb25823ac7u, -768},
    {0xa086cfcd97bf97f4u, -741},  {0xef340a98172aace5u, -715},  {0xb23867fb2a35b28eu, -688},
    {0x84c8d4dfd2c63f3bu, -661},  {0xc5dd44271ad3cdbau, -635},  {0x936b9fcebb25c996u, -608},
    {0xdbac6c247d62a584u, -582},  {0xa3ab66580d5fdaf6u, -555},  {0xf3e2f893dec3f126u, -529},
    {0xb5b5ada8aaff80b8u, -502},  {0x87625f056c7c4a8bu, -475},  {0xc9bcff6034c13053u, -449},
    {0x964e858c91ba2655u, -422},  {0xdff9772470297ebdu, -396},  {0xa6dfbd9fb8e5b88fu, -369},
    {0xf8a95fcf88747d94u, -343},  {0xb94470938fa89bcfu, -316},  {0x8a08f0f8bf0f156bu, -289},
    {0xcdb02555653131b6u, -263},  {0x993fe2c6d07b7facu, -236},  {0xe45c10c42a2b3b06u, -210},
    {0xaa242499697392d3u, -183},  {0xfd87b5f28300ca0eu, -157},  {0xbce5086492111aebu, -130},
    {0x8cbccc096f5088ccu, -103},  {0xd1b71758e219652cu, -77},   {0x9c40000000000000u, -50},
    {0xe8d4a51000000000u, -24},   {0xad78ebc5ac620000u, 3},     {0x813f3978f8940984u, 30},
    {0xc097ce7bc90715b3u, 56},    {0x8f7e32ce7bea5c70u, 83},    {0xd5d238a4abe98068u, 109},
    {0x9f4f2726179a2245u, 136},   {0xed63a231d4c4fb27u, 162},   {0xb0de65388cc8ada8u, 189},
    {0x83c7088e1aab65dbu, 216},   {0xc45d1df942711d9au, 242},   {0x924d692ca61be758u, 269},
    {0xda01ee641a708deau, 295},   {0xa26da3999aef774au, 322},   {0xf209787bb47d6b85u, 348},
    {0xb454e4a179dd1877u, 375},   {0x865b86925b9bc5c2u, 402},   {0xc83553c5c8965d3du, 428},
    {0x952ab45cfa97a0b3u, 455},   {0xde469fbd99a05fe3u, 481},   {0xa59bc234db398c25u, 508},
    {0xf6c69a72a3989f5cu, 534},   {0xb7dcbf5354e9beceu, 561},   {0x88fcf317f22241e2u, 588},
    {0xcc20ce9bd35c78a5u, 614},   {0x98165af37b2153dfu, 641},   {0xe2a0b5dc971f303au, 667},
    {0xa8d9d1535ce3b396u, 694},   {0xfb9b7cd9a4a7443cu, 720},   {0xbb764c4ca7a44410u, 747},
    {0x8bab8eefb6409c1au, 774},   {0xd01fef10a657842cu, 800},   {0x9b10a4e5e9913129u, 827},
    {0xe7109bfba19c0c9du, 853},   {0xac2820d9623bf429u, 880},   {0x80444b5e7aa7cf85u, 907},
    {0xbf21e44003acdd2du, 933},   {0x8e679c2f5e44ff8fu, 960},   {0xd433179d9c8cb841u, 986},
    {0x9e19db92b4e31ba9u, 1013},  {0xeb96bf6ebadf77d9u, 1039},  {0xaf87023b9bf0ee6bu, 1066},
};

static scaled scaled_multiply(scaled a, scaled b) {
    uint64_t low = UINT32_MAX;
    uint64_t a_high = a.mantissa >> 32, a_low = a.mantissa & low;
    uint64_t b_high = b.mantissa >> 32, b_low = b.mantissa & low;
    uint64_t cross_a = a_high * b_low, cross_b = a_low * b_high;
    uint64_t middle = (cross_a & low) + (cross_b & low) + (a_low * b_low >> 32);
    middle += UINT64_C(1) << 31; /* round half up */
    return (scaled){a_high * b_high + (cross_a >> 32) + (cross_b >> 32) + (middle >> 32),
                    a.exponent + b.exponent + 64};
}

static scaled scaled_normal(scaled x) {
    int shift = __builtin_clzll(x.mantissa);
    return (scaled){x.mantissa << shift, x.exponent - shift};
}

/* The power of ten that brings a normal number of `exponent` into the range where digits can be cut
 * off with 64-bit arithmetic; *k is its decimal exponent. */
static scaled power_for(int exponent, int *k) {
    int index = ((int)(-(exponent + POWER_COUNT) * 0.30102999566398114) - POWER_FIRST) / POWER_STEP;
    while (exponent + powers[index].exponent + 64 < -60) {
        index++;
    }
    while (exponent + powers[index].exponent + 64 > -32) {
        index--;
    }
    *k = POWER_FIRST + index * POWER_STEP;
    return powers[index];
}

/* Lowers the last digit while that brings the number nearer to the exact one, `want` below the
 * upper boundary; `delta` is the width of the interval, `rest` what is left of it, `unit` the last
 * digit's weight. */
static void round_last(char *last, uint64_t delta, uint64_t rest, uint64_t unit, uint64_t want) {
    while (rest < want && delta - rest >= unit &&
           (rest + unit < want || want - rest > rest + unit - want)) {
        (*last)--;
        rest += unit;
    }
}

/* The digits of some number between low and high, as few as do; *k is raised by the number of
 * digits left out before the point. */
static int cut_digits(scaled exact, scaled high, scaled low, char *digits, int *k) {
    uint64_t want = high.mantissa - exact.mantissa, delta = high.mantissa - low.mantissa;
    int shift = -high.exponent;
    uint64_t one = UINT64_C(1) << shift;
    uint64_t whole = high.mantissa >> shift, part = high.mantissa & (one - 1);
    uint64_t divisor = 1000000000;
    int len = 0, left = 10;
    for (; left > 0; divisor /= 10) {
        uint64_t digit = whole / divisor;
        if (digit != 0 || len > 0) digits[len++] = (char)('0' + digit);
        whole -= digit * divisor;
        left--;
        uint64_t rest = (whole << shift) + part;
        if (rest <= delta) {
            *k += left;
            round_last(&digits[len - 1], delta, rest, divisor << shift, want);
            return len;
        }
    }
    for (uint64_t scale = 10;; scale *= 10) {
        part *= 10;
        delta *= 10;
        left--;
        uint64_t digit = part >> shift;
        if (digit != 0 || len > 0) digits[len++] = (char)('0' + digit);
        part &= one - 1;
        if (part < delta) {
            *k += left;
            round_last(&digits[len - 1], delta, part, one, want * scale);
            return len;
        }
    }
}

/* value > 0 and finite = digits * 10^*k; returns how many digits. */
static int shortest_digits(double value, char digits[REAL_DIGITS_MAX], int *k) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> REAL_MANTISSA_BITS & 0x7ff);
    scaled exact = {bits & (REAL_HIDDEN_BIT - 1), 1 - REAL_EXPONENT_BIAS};
    if (exponent != 0) {
        exact.mantissa += REAL_HIDDEN_BIT;
        exact.exponent = exponent - REAL_EXPONENT_BIAS;
    }
    /* Half way to the neighbours; the lower one is nearer at a power of two. */
    int low_shift = exact.mantissa == REAL_HIDDEN_BIT ? 2 : 1;
    scaled high = scaled_normal((scaled){(exact.mantissa << 1) + 1, exact.exponent - 1});
    scaled low = {(exact.mantissa << low_shift) - 1, exact.exponent - low_shift};
    low.mantissa <<= low.exponent - high.exponent;
    low.exponent = high.exponent;
    int power_k;
    scaled power = power_for(high.exponent, &power_k);
    exact = scaled_multiply(scaled_normal(exact), power);
    high = scaled_multiply(high, power);
    low = scaled_multiply(low, power);
    high.mantissa--; /* the products are off by less than one */
    low.mantissa++;
    *k = -power_k;
    return cut_digits(exact, high, low, digits, k);
}

static size_t put_exponent(char *out, int exponent) {
    size_t len = 0;
    out[len++] = 'e';
    out[len++] = exponent < 0 ? '-' : '+';
    return len + dbx_num_u64_to_text((uint64_t)abs(exponent), out + len);
}

/* Where the point goes, and when there is an exponent: Redis's choice. */
static size_t put_digits(const char *digits, int count, int k, char *out) {
    int exponent = k + count - 1; /* of the first digit */
    if (k >= 0 && abs(exponent) < count + 7) {
        memcpy(out, digits, (size_t)count);
        memset(out + count, '0', (size_t)k);
        return (size_t)(count + k);
    }
    if (k < 0 && (k > -7 || abs(exponent) < 4)) {
        int before = count + k; /* digits before the point */
        if (before > 0) {
            memcpy(out, digits, (size_t)before);
            out[before] = '.';
            memcpy(out + before + 1, digits + before, (size_t)(count - before));
            return (size_t)count + 1;
        }
        memcpy(out, "0.", 2);
        memset(out + 2, '0', (size_t)-before);
        memcpy(out + 2 - before, digits, (size_t)count);
        return (size_t)(count + 2 - before);
    }
    size_t len = 0;
    out[len++] = digits[0];
    if (count > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, (size_t)count - 1);
        len += (size_t)count - 1;
    }
    return len + put_exponent(out + len, exponent);
}

static size_t put_text(char *out, const char *text) {
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

size_t dbx_num_real_to_text(double value, char out[DBX_NUM_REAL_TEXT_MAX]) {
    if (isnan(value)) return put_text(out, "nan");
    if (isinf(value)) return put_text(out, value < 0 ? "-inf" : "inf");
    if (value == 0) return put_text(out, signbit(value) ? "-0" : "0");
    if (fabs(value) <= (double)(INT64_MAX / 2) && (double)(int64_t)value == value) {
        return dbx_num_to_text((int64_t)value, out);
    }
    char digits[REAL_DIGITS_MAX];
    int k = 0;
    bool negative = value < 0;
    int count = shortest_digits(fabs(value), digits, &k);
    if (negative) *out++ = '-';
    return put_digits(digits, count, k, out) + negative;
}

/* --- Reading --------------------------------------------------------------------------------- */

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void c_locale_make(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* A terminated copy for strtod, which also skips blanks and so must not see any at the start. */
static bool copy_text(dbx_slice text, char out[DBX_NUM_LONG_REAL_TEXT_MAX]) {
    if (text.len == 0 || text.len >= DBX_NUM_LONG_REAL_TEXT_MAX) return false;
    if (text.ptr[0] == ' ' || (text.ptr[0] >= '\t' && text.ptr[0] <= '\r')) return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    (void)pthread_once(&c_locale_once, c_locale_make);
    return true;
}

/* Plain decimals whose digits fit 53 bits: one exact division, no copy. */
static bool read_plain(dbx_slice text, double *out) {
    static const double tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = text.len > 0 && text.ptr[0] == '-', point = false;
    uint64_t value = 0;
    size_t digits = 0, decimals = 0;
    for (size_t i = negative; i < text.len; i++) {
        unsigned digit = text.ptr[i] - (unsigned)'0';
        if (digit <= 9) {
            value = value * 10 + digit;
            if (++digits > 15) return false;
            decimals += point;
        } else if (text.ptr[i] == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    if (digits == 0) return false;
    double exact = (double)value / tens[decimals];
    *out = negative ? -exact : exact;
    return true;
}

bool dbx_num_real_from_slice(dbx_slice text, double *out) {
    char copy[DBX_NUM_LONG_REAL_TEXT_MAX], *end;
    if (read_plain(text, out)) return true;
    if (!copy_text(text, copy)) return false;
    errno = 0;
    double value = strtod_l(copy, &end, c_locale);
    if ((size_t)(end - copy) != text.len || isnan(value)) return false;
    if (errno == ERANGE && (value == HUGE_VAL || value == -HUGE_VAL || value == 0)) return false;
    *out = value;
    return true;
}

bool dbx_num_bound_from_slice(dbx_slice text, double *out) {
    char copy[DBX_NUM_LONG_REAL_TEXT_MAX], *end;
    const uint8_t *nul = text.len > 0 ? memchr(text.ptr, '\0', text.len) : NULL;
    if (nul != NULL) text.len = (size_t)(nul - text.ptr);
    if (text.len >= sizeof copy) return false;
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    (void)pthread_once(&c_locale_once, c_locale_make);
    const char *digits = copy + (copy[0] == '-' || copy[0] == '+');
    if (isspace((unsigned char)copy[0])) return false;
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) return false;
    double value = strtod_l(copy, &end, c_locale);
    if (*end != '\0' || isnan(value)) return false;
    *out = value;
    return true;
}

size_t dbx_num_real_to_17_digits(double value, char out[DBX_NUM_REAL_TEXT_MAX]) {
    char text[2 * DBX_NUM_REAL_TEXT_MAX]; /* the locale's point may be several bytes long */
    size_t len = 0;
    if (isinf(value)) return put_text(out, value < 0 ? "-inf" : "inf");
    (void)snprintf(text, sizeof text, "%.17g", value);
    for (const char *at = text; *at != '\0'; at++) {
        if (isdigit((unsigned char)*at) || *at == 'e' || *at == '-' || *at == '+') {
            out[len++] = *at;
        } else if (len == 0 || out[len - 1] != '.') {
            out[len++] = '.';
        }
    }
    return len;
}

/* Rounds to 64 bits of mantissa where there are more (Veltkamp's splitting); elsewhere does
 * nothing. */
static long double round_to_64_bits(long double value) {
#if LDBL_MANT_DIG > 64
    const long double factor = (long double)(UINT64_C(1) << (LDBL_MANT_DIG - 64)) + 1;
    const long double scale =
        fabsl(value) > 1 ? 0x1p-64L : 1; /* so that the product stays finite */
    if (!isfinite(value)) return value;
    volatile long double scaled_value = value * scale;
    volatile long double product = scaled_value * factor;
    volatile long double rest = product - scaled_value;
    return (product - rest) / scale;
#else
    return value;
#endif
}

bool dbx_num_long_real_from_slice(dbx_slice text, long double *out) {
    char copy[DBX_NUM_LONG_REAL_TEXT_MAX], *end;
    if (!copy_text(text, copy)) return false;
    errno = 0;
    long double value = strtold_l(copy, &end, c_locale);
    if ((size_t)(end - copy) != text.len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = round_to_64_bits(value);
    return true;
}

/* --- Long doubles ---------------------------------------------------------------------------- */

long double dbx_num_long_real_add(long double a, long double b) {
    return round_to_64_bits(a + b);
}

size_t dbx_num_long_real_to_text(long double value, char out[DBX_NUM_LONG_REAL_TEXT_MAX]) {
    enum { DECIMALS = 17 };
    if (isnan(value)) return put_text(out, "nan");
    if (isinf(value)) return put_text(out, value < 0 ? "-inf" : "inf");
    int printed = snprintf(out, DBX_NUM_LONG_REAL_TEXT_MAX, "%.*Lf", DECIMALS, value);
    if (printed < DECIMALS || printed >= DBX_NUM_LONG_REAL_TEXT_MAX) return 0;
    size_t whole = out[0] == '-';
    while (isdigit((unsigned char)out[whole])) {
        whole++;
    }
    out[whole] = '.'; /* the locale's point may be another, and longer */
    memmove(out + whole + 1, out + printed - DECIMALS, DECIMALS);
    size_t len = whole + 1 + DECIMALS;
    while (out[len - 1] == '0') {
        len--;
    }
    if (out[len - 1] == '.') len--;
    if (len == 2 && memcmp(out, "-0", 2) == 0) return put_text(out, "0");
    return len;
}
