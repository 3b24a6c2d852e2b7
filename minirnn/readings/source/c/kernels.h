/* What the emitted C calls: functions of numbers, and products of matrices whose sizes are mostly known to the compiler. At the end, what
   it hands to samples.h. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#if defined(__AVX512F__)
#define BYTES 64
#define ROWS 8
#elif defined(__AVX__)
#define BYTES 32
#define ROWS 6
#else
#define BYTES 16
#define ROWS 6
#endif
#define LANES ((long)(BYTES / sizeof(real)))
#define PANEL (2 * LANES)
typedef real vec __attribute__((vector_size(BYTES)));
typedef real loose __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

INLINE long aligned(long entries) { return (entries + 15) / 16 * 16; }

/* ------------------------------------------------------------------------------------------------ functions of numbers */

INLINE real maximum_(real a, real b) { return a > b || a != a ? a : b; }
INLINE real minimum_(real a, real b) { return a < b || a != a ? a : b; }
INLINE real square_(real x) { return x * x; }
INLINE real sign_(real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
#ifdef DOUBLE
#define LIBM(name) name
#define LOWEST (-746.0)
#define HIGHEST 710.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define PER_LN2 1.4426950408889634
INLINE double scale_by_power(double x, double n) /* x 2^n, by two factors: the ends of the range are rounded once */
{
    int64_t whole = (int64_t)(n == n ? n : 0), half = whole >> 1;
    union { int64_t bits; double number; } a = {(half + 1023) << 52}, b = {(whole - half + 1023) << 52};
    return x * a.number * b.number;
}
INLINE double exponential_less_one(double r) /* of |r| <= ln 2 / 2, by its series */
{
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600, p = p * r + 1.0 / 39916800, p = p * r + 1.0 / 3628800, p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320, p = p * r + 1.0 / 5040, p = p * r + 1.0 / 720, p = p * r + 1.0 / 120, p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6, p = p * r + 0.5;
    return r + r * r * p;
}
#define TANH_IS_ONE 22.0
#else
#define LIBM(name) name##f
#define LOWEST (-104.0f)
#define HIGHEST 89.0f
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194440e-4f)
#define PER_LN2 1.442695041f
INLINE float scale_by_power(float x, float n)
{
    int32_t whole = (int32_t)(n == n ? n : 0), half = whole >> 1;
    union { int32_t bits; float number; } a = {(half + 127) << 23}, b = {(whole - half + 127) << 23};
    return x * a.number * b.number;
}
INLINE float exponential_less_one(float r)
{
    float p = 1.0f / 40320;
    p = p * r + 1.0f / 5040, p = p * r + 1.0f / 720, p = p * r + 1.0f / 120, p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6, p = p * r + 0.5f;
    return r + r * r * p;
}
#define TANH_IS_ONE 10.0f
#endif
INLINE real nearest_(real x) { return LIBM(__builtin_rint)(x); }
INLINE real exp_(real x) /* 2^n e^r, with x = n ln 2 + r */
{
    real y = x > HIGHEST ? HIGHEST : x;
    y = y < LOWEST ? LOWEST : y;
    real n = nearest_(y * PER_LN2), r = (y - n * LN2_HIGH) - n * LN2_LOW;
    return scale_by_power(1 + exponential_less_one(r), n);
}
INLINE real tanh_(real x) /* e / (e + 2), with e = exp(2 |x|) - 1 */
{
    real y = LIBM(__builtin_fabs)(x);
    y = 2 * (y > TANH_IS_ONE ? TANH_IS_ONE : y);
    real n = nearest_(y * PER_LN2), r = (y - n * LN2_HIGH) - n * LN2_LOW;
    real power = scale_by_power(1, n), e = power * exponential_less_one(r) + (power - 1);
    return LIBM(__builtin_copysign)(e / (e + 2), x);
}
INLINE real log_(real x) { return LIBM(log)(x); }
INLINE real log1p_(real x) { return LIBM(log1p)(x); }
INLINE real sqrt_(real x) { return LIBM(__builtin_sqrt)(x); }
INLINE real rint_(real x) { return LIBM(__builtin_rint)(x); }
INLINE real floor_(real x) { return LIBM(__builtin_floor)(x); }
INLINE real ceil_(real x) { return LIBM(__builtin_ceil)(x); }
INLINE real trunc_(real x) { return LIBM(__builtin_trunc)(x); }
INLINE real sin_(real x) { return LIBM(sin)(x); }
INLINE real cos_(real x) { return LIBM(cos)(x); }
INLINE real erf_(real x) { return LIBM(erf)(x); }
INLINE real power_(real x, real p) { return LIBM(pow)(x, p); }

/* -------------------------------------------------------------------------------------------------- products of matrices */

/* b (k, n), whose entries stand `down` and `across` apart, in panels of columns, filled up with zeros */
static __attribute__((noinline)) void pack(long k, long n, const real *b, long down, long across, real *p)
{
    if (n < LANES) {
        for (long i = 0; i < k; i++) for (long j = 0; j < n; j++) p[i * n + j] = b[i * down + j * across];
        return;
    }
    for (long j = 0; j < n; j += PANEL) {
        long wide = n - j > LANES ? PANEL : LANES;
        for (long i = 0; i < k; i++)
            for (long c = 0; c < wide; c++) *p++ = j + c < n ? b[i * down + (j + c) * across] : 0;
    }
}
/* c[0..wide) (+)= s; all lanes of it where there is room for them */
INLINE void put(int add, real *c, vec s, long wide)
{
    if (wide >= LANES) *(loose *)c = add ? (vec)*(loose *)c + s : s;
    else for (long j = 0; j < wide; j++) c[j] = add ? c[j] + s[j] : s[j];
}
/* `rows` rows of c (+)= a p, for one panel of `vecs` vectors, of which `wide` columns count */
INLINE void tile(int rows, int vecs, int add, long k, const real *a, long lda, const real *p, real *c, long ldc, long wide)
{
    vec s[ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) s[r][v] = (vec){0};
    for (long i = 0; i < k; i++, p += vecs * LANES) {
        vec b[2];
        UNROLL for (int v = 0; v < vecs; v++) b[v] = *(const loose *)(p + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            real x = a[r * lda + i];
            UNROLL for (int v = 0; v < vecs; v++) s[r][v] += x * b[v];
        }
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++)
        put(add, c + r * ldc + v * LANES, s[r][v], wide - v * LANES);
}
INLINE void panel(int vecs, int add, long m, long k, const real *a, long lda, const real *p, real *c, long ldc, long wide)
{
    long i = 0;
    for (; i + ROWS <= m; i += ROWS) tile(ROWS, vecs, add, k, a + i * lda, lda, p, c + i * ldc, ldc, wide);
    for (; i + 3 <= m; i += 3) tile(3, vecs, add, k, a + i * lda, lda, p, c + i * ldc, ldc, wide);
    for (; i < m; i++) tile(1, vecs, add, k, a + i * lda, lda, p, c + i * ldc, ldc, wide);
}
static __attribute__((noinline)) void product_of_panels(int add, long m, long n, long k, const real *a, long lda, const real *p,
                                                        real *c, long ldc)
{
    long j = 0;
    for (; j + PANEL <= n; j += PANEL) panel(2, add, m, k, a, lda, p + j * k, c + j, ldc, PANEL);
    if (n - j > LANES) panel(2, add, m, k, a, lda, p + j * k, c + j, ldc, n - j);
    else if (n - j > 0) panel(1, add, m, k, a, lda, p + j * k, c + j, ldc, n - j);
}
/* c (m, n) (+)= a b, with b packed; of less columns than a vector has, b stands as it is, one row after the other */
INLINE void product(int add, long m, long n, long k, const real *a, long lda, const real *p, real *c, long ldc)
{
    if (n >= LANES) { product_of_panels(add, m, n, k, a, lda, p, c, ldc); return; }
    for (long i = 0; i < m; i++, a += lda, c += ldc) {
        real s[LANES];
        for (long j = 0; j < n; j++) s[j] = add ? c[j] : 0;
        for (long l = 0; l < k; l++) for (long j = 0; j < n; j++) s[j] += a[l] * p[l * n + j];
        for (long j = 0; j < n; j++) c[j] = s[j];
    }
}
/* `rows` rows of c += a' b, `vecs` vectors of columns; of the last vector the columns before `from` are there already */
INLINE void outer_tile(int rows, int vecs, long k, const real *a, long lda, const real *b, long ldb, real *c, long ldc, long from)
{
    vec s[ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) s[r][v] = (vec){0};
    for (long i = 0; i < k; i++, a += lda, b += ldb) {
        vec y[2];
        UNROLL for (int v = 0; v < vecs; v++) y[v] = *(const loose *)(b + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            real x = a[r];
            UNROLL for (int v = 0; v < vecs; v++) s[r][v] += x * y[v];
        }
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) {
        real *to = c + r * ldc + v * LANES;
        if (!from) put(1, to, s[r][v], LANES);
        else for (long j = from; j < LANES; j++) to[j] += s[r][v][j];
    }
}
INLINE void outer_panel(int vecs, long m, long k, const real *a, long lda, const real *b, long ldb, real *c, long ldc, long from)
{
    long i = 0;
    for (; i + ROWS <= m; i += ROWS) outer_tile(ROWS, vecs, k, a + i, lda, b, ldb, c + i * ldc, ldc, from);
    for (; i + 3 <= m; i += 3) outer_tile(3, vecs, k, a + i, lda, b, ldb, c + i * ldc, ldc, from);
    for (; i < m; i++) outer_tile(1, vecs, k, a + i, lda, b, ldb, c + i * ldc, ldc, from);
}
static __attribute__((noinline)) void outer_of_panels(long m, long n, long k, const real *a, long lda, const real *b, long ldb,
                                                      real *c, long ldc)
{
    long j = 0;
    for (; j + PANEL <= n; j += PANEL) outer_panel(2, m, k, a, lda, b + j, ldb, c + j, ldc, 0);
    for (; j + LANES <= n; j += LANES) outer_panel(1, m, k, a, lda, b + j, ldb, c + j, ldc, 0);
    if (j < n) outer_panel(1, m, k, a, lda, b + n - LANES, ldb, c + n - LANES, ldc, LANES - (n - j));
}
/* columns of c += a' b that are fewer than a vector has; small enough, c stays in registers */
INLINE void outer_narrow(long m, long n, long k, const real *a, long lda, const real *b, long ldb, real *c, long ldc)
{
    if (m * n <= 64) {
        real s[64];
        for (long i = 0; i < m * n; i++) s[i] = 0;
        for (long l = 0; l < k; l++)
            for (long i = 0; i < m; i++) for (long j = 0; j < n; j++) s[i * n + j] += a[l * lda + i] * b[l * ldb + j];
        for (long i = 0; i < m; i++) for (long j = 0; j < n; j++) c[i * ldc + j] += s[i * n + j];
    } else
        for (long l = 0; l < k; l++)
            for (long i = 0; i < m; i++) for (long j = 0; j < n; j++) c[i * ldc + j] += a[l * lda + i] * b[l * ldb + j];
}
/* c (m, n) (+)= a' b, with a (k, m) and b (k, n): in blocks of rows that stay in the cache, which are summed apart */
INLINE void outer(int add, long m, long n, long k, const real *a, long lda, const real *b, long ldb, real *c, long ldc)
{
    if (!add) for (long i = 0; i < m; i++) memset(c + i * ldc, 0, n * sizeof(real));
    for (long l = 0; l < k; l += 128, a += 128 * lda, b += 128 * ldb) {
        long high = k - l < 128 ? k - l : 128;
        if (n >= LANES) outer_of_panels(m, n, high, a, lda, b, ldb, c, ldc);
        else outer_narrow(m, n, high, a, lda, b, ldb, c, ldc);
    }
}
/* c (n) += the sum of the rows of b (k, n) */
static __attribute__((noinline)) void sum_wide_rows(long n, long k, const real *b, long ldb, real *c)
{
    long j = 0;
    for (; j + LANES <= n; j += LANES) {
        vec s = {0};
        for (long i = 0; i < k; i++) s += *(const loose *)(b + i * ldb + j);
        put(1, c + j, s, LANES);
    }
    if (j < n) {
        vec s = {0};
        for (long i = 0; i < k; i++) s += *(const loose *)(b + i * ldb + n - LANES);
        for (long e = LANES - (n - j); e < LANES; e++) c[n - LANES + e] += s[e];
    }
}
INLINE void sum_rows(int add, long n, long k, const real *b, long ldb, real *c)
{
    if (!add) memset(c, 0, n * sizeof(real));
    for (long l = 0; l < k; l += 128, b += 128 * ldb) {
        long high = k - l < 128 ? k - l : 128;
        if (n >= LANES) { sum_wide_rows(n, high, b, ldb, c); continue; }
        real s[LANES];
        for (long j = 0; j < n; j++) s[j] = 0;
        for (long i = 0; i < high; i++) for (long j = 0; j < n; j++) s[j] += b[i * ldb + j];
        for (long j = 0; j < n; j++) c[j] += s[j];
    }
}

/* ------------------------------------------------------------------------------------------------------------ the network */

typedef struct {
    long lengths, given, sums; /* how many numbers of samples and steps there are, and arrays; the first array that is a sum over samples */
    long apart; /* whether samples meet in these sums alone */
    long (*memory)(const long *); /* the bytes that `compute` needs for a block of samples */
    void (*entries)(const long *, long *); /* of each array those of a sample, of a sum all */
    void (*compute)(const long *, void *const *, void *, int);
} Network;
