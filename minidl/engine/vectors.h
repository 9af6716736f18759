/* Numbers of several networks side by side: lane k of every vector belongs to network k.

   Include it once for each width, the number of lanes:

       #define REAL float          // or double, the same in a whole file
       #define W 8                 // 1, 2, 4, 8 or 16
       #include "vectors.h"

   It defines, with the width at the end of each name,

       real8                        W numbers of type REAL, with C's operators + - * / ==
       ints8                        W numbers of type int64_t, by functions alone
       mask8                        W integers as large as REAL: -1 where something holds, else 0

   and the functions below: fma8(a, b, c), exp8(x), add_ints8(a, b) … Width 1 is a plain number.
   No function mixes lanes, and each does the same operations in the same order in every width, so
   that a network's results don't depend on the width. That needs -ffp-contract=off.

   Functions of one float are exact to 3 units in the last place (Cephes' polynomials, unless it
   says otherwise); those of a double are libm's. Denormal results may be flushed to zero. */

#ifndef MINIDL_VECTORS
#define MINIDL_VECTORS

#include <stdint.h>

#define MINIDL_INLINE static inline __attribute__((always_inline, unused))
#define MINIDL_FUNCTION static inline __attribute__((unused))

/* exp2 and log2 are functions of C's library too: include its headers before this one. */
#define exp2 minidl_exp2
#define log2 minidl_log2

#define MINIDL_PASTE_(a, b) a##b
#define MINIDL_PASTE(a, b) MINIDL_PASTE_(a, b)
#define MINIDL_IS_DOUBLE_float 0
#define MINIDL_IS_DOUBLE_double 1
#define MINIDL_LETTER_float f
#define MINIDL_LETTER_double d

#if defined(__has_builtin)
#define MINIDL_HAS(builtin) __has_builtin(builtin)
#else
#define MINIDL_HAS(builtin) 0
#endif

/* f8: eight floats, d4: four doubles; the integers of their size, with a sign and without. */
#define MINIDL_TYPES(w) \
    typedef float minidl_f##w __attribute__((vector_size(4 * w))); \
    typedef double minidl_d##w __attribute__((vector_size(8 * w))); \
    typedef int32_t minidl_mask_f##w __attribute__((vector_size(4 * w))); \
    typedef uint32_t minidl_bits_f##w __attribute__((vector_size(4 * w))); \
    typedef int64_t minidl_mask_d##w __attribute__((vector_size(8 * w))); \
    typedef uint64_t minidl_bits_d##w __attribute__((vector_size(8 * w)));
MINIDL_TYPES(2)
MINIDL_TYPES(4)
MINIDL_TYPES(8)
MINIDL_TYPES(16)
typedef float minidl_f1;
typedef double minidl_d1;
typedef int32_t minidl_mask_f1;
typedef uint32_t minidl_bits_f1;
typedef int64_t minidl_mask_d1;
typedef uint64_t minidl_bits_d1;

/* The machine's instructions, one or two of them. The compilers' own headers offer them too, but
   reading immintrin.h takes half a second. A width beyond the machine's goes by two halves. */

#define MINIDL_BY_HALVES_1(f, whole, half) \
    MINIDL_INLINE minidl_##whole minidl_##f##_##whole(minidl_##whole a) { \
        union { minidl_##whole v; minidl_##half h[2]; } x = {a}; \
        x.h[0] = minidl_##f##_##half(x.h[0]); \
        x.h[1] = minidl_##f##_##half(x.h[1]); \
        return x.v; \
    }
#define MINIDL_BY_HALVES_2(f, whole, half) \
    MINIDL_INLINE minidl_##whole minidl_##f##_##whole(minidl_##whole a, minidl_##whole b) { \
        union { minidl_##whole v; minidl_##half h[2]; } x = {a}, y = {b}; \
        x.h[0] = minidl_##f##_##half(x.h[0], y.h[0]); \
        x.h[1] = minidl_##f##_##half(x.h[1], y.h[1]); \
        return x.v; \
    }
#define MINIDL_BY_HALVES_3(f, whole, half) \
    MINIDL_INLINE minidl_##whole minidl_##f##_##whole( \
            minidl_##whole a, minidl_##whole b, minidl_##whole c) { \
        union { minidl_##whole v; minidl_##half h[2]; } x = {a}, y = {b}, z = {c}; \
        x.h[0] = minidl_##f##_##half(x.h[0], y.h[0], z.h[0]); \
        x.h[1] = minidl_##f##_##half(x.h[1], y.h[1], z.h[1]); \
        return x.v; \
    }
#define MINIDL_DIRECT_1(f, t, call) \
    MINIDL_INLINE minidl_##t minidl_##f##_##t(minidl_##t a) { return (minidl_##t)(call); }
#define MINIDL_DIRECT_2(f, t, call) \
    MINIDL_INLINE minidl_##t minidl_##f##_##t(minidl_##t a, minidl_##t b) { \
        return (minidl_##t)(call); \
    }
#define MINIDL_DIRECT_3(f, t, call) \
    MINIDL_INLINE minidl_##t minidl_##f##_##t(minidl_##t a, minidl_##t b, minidl_##t c) { \
        return (minidl_##t)(call); \
    }
#define MINIDL_EVERY(direct, f, call) \
    direct(f, f1, call) direct(f, f2, call) direct(f, f4, call) direct(f, f8, call) \
    direct(f, f16, call) direct(f, d1, call) direct(f, d2, call) direct(f, d4, call) \
    direct(f, d8, call) direct(f, d16, call)

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MINIDL_GCC_X86 1
#else
#define MINIDL_GCC_X86 0
#endif
#define MINIDL_ROUNDING 4 /* as MXCSR says */

/* fma: a b + c with one rounding; where the machine can't, a b + c with two, in every width. */
#if !defined(__FMA__) && !defined(__AVX512F__) && !defined(__aarch64__)
#define MINIDL_NO_FMA 1
MINIDL_EVERY(MINIDL_DIRECT_3, fma, a * b + c)
#else
MINIDL_DIRECT_3(fma, f1, __builtin_fmaf(a, b, c))
MINIDL_DIRECT_3(fma, d1, __builtin_fma(a, b, c))
#if MINIDL_HAS(__builtin_elementwise_fma)
MINIDL_DIRECT_3(fma, f2, __builtin_elementwise_fma(a, b, c))
MINIDL_DIRECT_3(fma, f4, __builtin_elementwise_fma(a, b, c))
MINIDL_DIRECT_3(fma, f8, __builtin_elementwise_fma(a, b, c))
MINIDL_DIRECT_3(fma, f16, __builtin_elementwise_fma(a, b, c))
MINIDL_DIRECT_3(fma, d2, __builtin_elementwise_fma(a, b, c))
MINIDL_DIRECT_3(fma, d4, __builtin_elementwise_fma(a, b, c))
MINIDL_DIRECT_3(fma, d8, __builtin_elementwise_fma(a, b, c))
#else
MINIDL_BY_HALVES_3(fma, f2, f1)
#if defined(__x86_64__)
MINIDL_DIRECT_3(fma, f4, __builtin_ia32_vfmaddps(a, b, c))
MINIDL_DIRECT_3(fma, d2, __builtin_ia32_vfmaddpd(a, b, c))
MINIDL_DIRECT_3(fma, f8, __builtin_ia32_vfmaddps256(a, b, c))
MINIDL_DIRECT_3(fma, d4, __builtin_ia32_vfmaddpd256(a, b, c))
#else
MINIDL_INLINE minidl_f4 minidl_fma_f4(minidl_f4 a, minidl_f4 b, minidl_f4 c) {
    __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(c) : "w"(a), "w"(b));
    return c;
}
MINIDL_INLINE minidl_d2 minidl_fma_d2(minidl_d2 a, minidl_d2 b, minidl_d2 c) {
    __asm__("fmla %0.2d, %1.2d, %2.2d" : "+w"(c) : "w"(a), "w"(b));
    return c;
}
MINIDL_BY_HALVES_3(fma, f8, f4)
MINIDL_BY_HALVES_3(fma, d4, d2)
#endif
#if defined(__AVX512F__)
MINIDL_DIRECT_3(fma, f16, __builtin_ia32_vfmaddps512_mask(a, b, c, -1, MINIDL_ROUNDING))
MINIDL_DIRECT_3(fma, d8, __builtin_ia32_vfmaddpd512_mask(a, b, c, -1, MINIDL_ROUNDING))
#else
MINIDL_BY_HALVES_3(fma, f16, f8)
MINIDL_BY_HALVES_3(fma, d8, d4)
#endif
#endif
MINIDL_BY_HALVES_3(fma, d16, d8)
#endif

/* sqrt, the nearest to the root. */
MINIDL_DIRECT_1(sqrt, f1, __builtin_sqrtf(a))
MINIDL_DIRECT_1(sqrt, d1, __builtin_sqrt(a))
MINIDL_BY_HALVES_1(sqrt, f2, f1)
#if MINIDL_GCC_X86
MINIDL_DIRECT_1(sqrt, f4, __builtin_ia32_sqrtps(a))
MINIDL_DIRECT_1(sqrt, d2, __builtin_ia32_sqrtpd(a))
#elif defined(__aarch64__) && !defined(__clang__)
MINIDL_INLINE minidl_f4 minidl_sqrt_f4(minidl_f4 a) {
    __asm__("fsqrt %0.4s, %1.4s" : "=w"(a) : "w"(a));
    return a;
}
MINIDL_INLINE minidl_d2 minidl_sqrt_d2(minidl_d2 a) {
    __asm__("fsqrt %0.2d, %1.2d" : "=w"(a) : "w"(a));
    return a;
}
#else /* clang joins the lanes again */
MINIDL_BY_HALVES_1(sqrt, f4, f2)
MINIDL_BY_HALVES_1(sqrt, d2, d1)
#endif
#if MINIDL_GCC_X86 && defined(__AVX__)
MINIDL_DIRECT_1(sqrt, f8, __builtin_ia32_sqrtps256(a))
MINIDL_DIRECT_1(sqrt, d4, __builtin_ia32_sqrtpd256(a))
#else
MINIDL_BY_HALVES_1(sqrt, f8, f4)
MINIDL_BY_HALVES_1(sqrt, d4, d2)
#endif
#if MINIDL_GCC_X86 && defined(__AVX512F__)
MINIDL_DIRECT_1(sqrt, f16, __builtin_ia32_sqrtps512_mask(a, a, -1, MINIDL_ROUNDING))
MINIDL_DIRECT_1(sqrt, d8, __builtin_ia32_sqrtpd512_mask(a, a, -1, MINIDL_ROUNDING))
#else
MINIDL_BY_HALVES_1(sqrt, f16, f8)
MINIDL_BY_HALVES_1(sqrt, d8, d4)
#endif
MINIDL_BY_HALVES_1(sqrt, d16, d8)

/* larger: a where a > b, else b; smaller: a where a < b, else b: b where one is NaN. */
#if MINIDL_GCC_X86
MINIDL_DIRECT_2(larger, f1, a > b ? a : b)
MINIDL_DIRECT_2(larger, d1, a > b ? a : b)
MINIDL_DIRECT_2(smaller, f1, a < b ? a : b)
MINIDL_DIRECT_2(smaller, d1, a < b ? a : b)
MINIDL_BY_HALVES_2(larger, f2, f1)
MINIDL_BY_HALVES_2(smaller, f2, f1)
MINIDL_DIRECT_2(larger, f4, __builtin_ia32_maxps(a, b))
MINIDL_DIRECT_2(larger, d2, __builtin_ia32_maxpd(a, b))
MINIDL_DIRECT_2(smaller, f4, __builtin_ia32_minps(a, b))
MINIDL_DIRECT_2(smaller, d2, __builtin_ia32_minpd(a, b))
#if defined(__AVX__)
MINIDL_DIRECT_2(larger, f8, __builtin_ia32_maxps256(a, b))
MINIDL_DIRECT_2(larger, d4, __builtin_ia32_maxpd256(a, b))
MINIDL_DIRECT_2(smaller, f8, __builtin_ia32_minps256(a, b))
MINIDL_DIRECT_2(smaller, d4, __builtin_ia32_minpd256(a, b))
#else
MINIDL_BY_HALVES_2(larger, f8, f4)
MINIDL_BY_HALVES_2(larger, d4, d2)
MINIDL_BY_HALVES_2(smaller, f8, f4)
MINIDL_BY_HALVES_2(smaller, d4, d2)
#endif
#if defined(__AVX512F__)
MINIDL_DIRECT_2(larger, f16, __builtin_ia32_maxps512_mask(a, b, a, -1, MINIDL_ROUNDING))
MINIDL_DIRECT_2(larger, d8, __builtin_ia32_maxpd512_mask(a, b, a, -1, MINIDL_ROUNDING))
MINIDL_DIRECT_2(smaller, f16, __builtin_ia32_minps512_mask(a, b, a, -1, MINIDL_ROUNDING))
MINIDL_DIRECT_2(smaller, d8, __builtin_ia32_minpd512_mask(a, b, a, -1, MINIDL_ROUNDING))
#else
MINIDL_BY_HALVES_2(larger, f16, f8)
MINIDL_BY_HALVES_2(larger, d8, d4)
MINIDL_BY_HALVES_2(smaller, f16, f8)
MINIDL_BY_HALVES_2(smaller, d8, d4)
#endif
MINIDL_BY_HALVES_2(larger, d16, d8)
MINIDL_BY_HALVES_2(smaller, d16, d8)
#endif

/* l8: eight integers of 64 bits. What is wider than the machine's registers is two halves: gcc
   keeps such vectors in memory, four times as slow. So there are functions, no operators. */

#define MINIDL_INTEGERS_DIRECT(w) \
    typedef minidl_mask_d##w minidl_l##w; \
    MINIDL_DIRECT_2(add, l##w, (minidl_bits_d##w)a + (minidl_bits_d##w)b) \
    MINIDL_DIRECT_2(sub, l##w, (minidl_bits_d##w)a - (minidl_bits_d##w)b) \
    MINIDL_DIRECT_2(mul, l##w, (minidl_bits_d##w)a * (minidl_bits_d##w)b) \
    MINIDL_DIRECT_2(and, l##w, a & b) \
    MINIDL_DIRECT_2(or, l##w, a | b) \
    MINIDL_DIRECT_2(xor, l##w, a ^ b) \
    MINIDL_DIRECT_2(shl, l##w, (minidl_bits_d##w)a << (minidl_bits_d##w)b) \
    MINIDL_DIRECT_2(shr, l##w, (minidl_bits_d##w)a >> (minidl_bits_d##w)b) \
    typedef minidl_l##w minidl_unaligned_l##w __attribute__((aligned(8), may_alias)); \
    MINIDL_INLINE minidl_l##w minidl_load_l##w(const int64_t *p) { \
        return *(const minidl_unaligned_l##w *)p; \
    } \
    MINIDL_INLINE void minidl_store_l##w(int64_t *p, minidl_l##w x) { \
        *(minidl_unaligned_l##w *)p = x; \
    } \
    MINIDL_INLINE minidl_l##w minidl_splat_l##w(int64_t x) { return x - (minidl_l##w){0}; } \
    MINIDL_CONVERT_DIRECT(w, f) \
    MINIDL_CONVERT_DIRECT(w, d)
#define MINIDL_CONVERT_DIRECT(w, t) \
    MINIDL_INLINE minidl_l##w minidl_to_ints_##t##w(minidl_##t##w a) { \
        return MINIDL_CONVERT_##w(a, minidl_l##w); \
    } \
    MINIDL_INLINE minidl_##t##w minidl_to_reals_##t##w(minidl_l##w a) { \
        return MINIDL_CONVERT_##w(a, minidl_##t##w); \
    } \
    MINIDL_INLINE minidl_##t##w minidl_words_to_reals_##t##w(minidl_l##w a) { \
        return MINIDL_CONVERT_##w(MINIDL_CONVERT_##w(a, minidl_mask_f##w), minidl_##t##w); \
    } \
    MINIDL_INLINE minidl_l##w minidl_widened_##t##w(minidl_mask_##t##w a) { \
        return MINIDL_CONVERT_##w(a, minidl_l##w); \
    } \
    MINIDL_INLINE minidl_mask_##t##w minidl_narrowed_##t##w(minidl_l##w a) { \
        return MINIDL_CONVERT_##w(a, minidl_mask_##t##w); \
    }
#define MINIDL_CONVERT_1(a, type) ((type)(a))
#define MINIDL_CONVERT_2(a, type) __builtin_convertvector(a, type)
#define MINIDL_CONVERT_4(a, type) __builtin_convertvector(a, type)
#define MINIDL_CONVERT_8(a, type) __builtin_convertvector(a, type)

#define MINIDL_INTEGERS_BY_HALVES(w, half) \
    typedef struct { minidl_l##half h[2]; } minidl_l##w; \
    MINIDL_BY_HALVES_2(add, l##w, l##half) \
    MINIDL_BY_HALVES_2(sub, l##w, l##half) \
    MINIDL_BY_HALVES_2(mul, l##w, l##half) \
    MINIDL_BY_HALVES_2(and, l##w, l##half) \
    MINIDL_BY_HALVES_2(or, l##w, l##half) \
    MINIDL_BY_HALVES_2(xor, l##w, l##half) \
    MINIDL_BY_HALVES_2(shl, l##w, l##half) \
    MINIDL_BY_HALVES_2(shr, l##w, l##half) \
    MINIDL_INLINE minidl_l##w minidl_load_l##w(const int64_t *p) { \
        minidl_l##w y = {{minidl_load_l##half(p), minidl_load_l##half(p + half)}}; \
        return y; \
    } \
    MINIDL_INLINE void minidl_store_l##w(int64_t *p, minidl_l##w x) { \
        minidl_store_l##half(p, x.h[0]); \
        minidl_store_l##half(p + half, x.h[1]); \
    } \
    MINIDL_INLINE minidl_l##w minidl_splat_l##w(int64_t x) { \
        minidl_l##w y = {{minidl_splat_l##half(x), minidl_splat_l##half(x)}}; \
        return y; \
    } \
    MINIDL_CONVERT_HALVES(to_ints, f##w, l##w, f##w, f##half, l##half) \
    MINIDL_CONVERT_HALVES(to_ints, d##w, l##w, d##w, d##half, l##half) \
    MINIDL_CONVERT_HALVES(to_reals, f##w, f##w, l##w, l##half, f##half) \
    MINIDL_CONVERT_HALVES(to_reals, d##w, d##w, l##w, l##half, d##half) \
    MINIDL_CONVERT_HALVES(words_to_reals, f##w, f##w, l##w, l##half, f##half) \
    MINIDL_CONVERT_HALVES(words_to_reals, d##w, d##w, l##w, l##half, d##half) \
    MINIDL_CONVERT_HALVES(widened, f##w, l##w, mask_f##w, mask_f##half, l##half) \
    MINIDL_CONVERT_HALVES(widened, d##w, l##w, mask_d##w, mask_d##half, l##half) \
    MINIDL_CONVERT_HALVES(narrowed, f##w, mask_f##w, l##w, l##half, mask_f##half) \
    MINIDL_CONVERT_HALVES(narrowed, d##w, mask_d##w, l##w, l##half, mask_d##half)
#define MINIDL_CONVERT_HALVES(f, t, to, from, from_half, to_half) \
    MINIDL_INLINE minidl_##to minidl_##f##_##t(minidl_##from a) { \
        union { minidl_##from v; minidl_##from_half h[2]; } x = {a}; \
        union { minidl_##to v; minidl_##to_half h[2]; } y; \
        y.h[0] = MINIDL_HALF_OF(f, t)(x.h[0]); \
        y.h[1] = MINIDL_HALF_OF(f, t)(x.h[1]); \
        return y.v; \
    }
#define MINIDL_HALF_OF(f, t) MINIDL_PASTE(minidl_##f##_, MINIDL_HALF_##t)
#define MINIDL_HALF_f2 f1
#define MINIDL_HALF_f4 f2
#define MINIDL_HALF_f8 f4
#define MINIDL_HALF_f16 f8
#define MINIDL_HALF_d2 d1
#define MINIDL_HALF_d4 d2
#define MINIDL_HALF_d8 d4
#define MINIDL_HALF_d16 d8

MINIDL_INTEGERS_DIRECT(1)
MINIDL_INTEGERS_DIRECT(2)
#if defined(__AVX2__)
MINIDL_INTEGERS_DIRECT(4)
#else
MINIDL_INTEGERS_BY_HALVES(4, 2)
#endif
#if defined(__AVX512F__)
MINIDL_INTEGERS_DIRECT(8)
#else
MINIDL_INTEGERS_BY_HALVES(8, 4)
#endif
MINIDL_INTEGERS_BY_HALVES(16, 8)

/* load_part, store_part: the first n numbers in memory, of vectors of 64 bytes; the others come as
   zeros, and stay. */
#if MINIDL_GCC_X86 && defined(__AVX512F__)
typedef long long minidl_q8 __attribute__((vector_size(64)));
#define MINIDL_PART(t, number, letters, gcc) \
    MINIDL_INLINE minidl_##t minidl_load_part_##t(const number *p, int n) { \
        return (minidl_##t)__builtin_ia32_load##letters##512_mask( \
            (const void *)p, (gcc){0}, (1 << n) - 1); \
    } \
    MINIDL_INLINE void minidl_store_part_##t(number *p, minidl_##t x, int n) { \
        __builtin_ia32_store##letters##512_mask((void *)p, (gcc)x, (1 << n) - 1); \
    }
MINIDL_PART(f16, float, ups, minidl_f16)
MINIDL_PART(d8, double, upd, minidl_d8)
MINIDL_PART(l8, int64_t, dqudi, minidl_q8)
#else
#define MINIDL_PART(t, number) \
    MINIDL_INLINE minidl_##t minidl_load_part_##t(const number *p, int n) { \
        minidl_##t y = {0}; \
        __builtin_memcpy(&y, p, n * sizeof(number)); \
        return y; \
    } \
    MINIDL_INLINE void minidl_store_part_##t(number *p, minidl_##t x, int n) { \
        __builtin_memcpy(p, &x, n * sizeof(number)); \
    }
MINIDL_PART(f16, float)
MINIDL_PART(d8, double)
MINIDL_PART(l8, int64_t)
#endif
MINIDL_INLINE minidl_l16 minidl_load_part_l16(const int64_t *p, int n) {
    minidl_l16 y = {{minidl_load_part_l8(p, n < 8 ? n : 8),
                     minidl_load_part_l8(p + 8, n < 8 ? 0 : n - 8)}};
    return y;
}
MINIDL_INLINE void minidl_store_part_l16(int64_t *p, minidl_l16 x, int n) {
    minidl_store_part_l8(p, x.h[0], n < 8 ? n : 8);
    minidl_store_part_l8(p + 8, x.h[1], n < 8 ? 0 : n - 8);
}

/* multiply_words: the product of the lower 32 bits of two integers, which has 64. */
MINIDL_DIRECT_2(multiply_words, l1, (uint64_t)(uint32_t)a * (uint32_t)b)
#if MINIDL_GCC_X86
MINIDL_DIRECT_2(multiply_words, l2, \
    __builtin_ia32_pmuludq128((minidl_mask_f4)a, (minidl_mask_f4)b))
#else
MINIDL_DIRECT_2(multiply_words, l2, \
    ((minidl_bits_d2)a & UINT32_MAX) * ((minidl_bits_d2)b & UINT32_MAX))
#endif
#if MINIDL_GCC_X86 && defined(__AVX2__)
MINIDL_DIRECT_2(multiply_words, l4, \
    __builtin_ia32_pmuludq256((minidl_mask_f8)a, (minidl_mask_f8)b))
#elif defined(__AVX2__)
MINIDL_DIRECT_2(multiply_words, l4, \
    ((minidl_bits_d4)a & UINT32_MAX) * ((minidl_bits_d4)b & UINT32_MAX))
#else
MINIDL_BY_HALVES_2(multiply_words, l4, l2)
#endif
#if MINIDL_GCC_X86 && defined(__AVX512F__)
MINIDL_DIRECT_2(multiply_words, l8, \
    __builtin_ia32_pmuludq512_mask( \
        (minidl_mask_f16)a, (minidl_mask_f16)b, (minidl_q8)a, -1))
#elif defined(__AVX512F__)
MINIDL_DIRECT_2(multiply_words, l8, \
    ((minidl_bits_d8)a & UINT32_MAX) * ((minidl_bits_d8)b & UINT32_MAX))
#else
MINIDL_BY_HALVES_2(multiply_words, l8, l4)
#endif
MINIDL_BY_HALVES_2(multiply_words, l16, l8)

/* gt, eq: -1 where a > b or a = b, else 0. */
MINIDL_DIRECT_2(gt, l1, -(int64_t)(a > b))
MINIDL_DIRECT_2(eq, l1, -(int64_t)(a == b))
MINIDL_DIRECT_2(gt, l2, a > b)
MINIDL_DIRECT_2(eq, l2, a == b)
#if defined(__AVX2__)
MINIDL_DIRECT_2(gt, l4, a > b)
MINIDL_DIRECT_2(eq, l4, a == b)
#else
MINIDL_BY_HALVES_2(gt, l4, l2)
MINIDL_BY_HALVES_2(eq, l4, l2)
#endif
#if defined(__AVX512F__)
MINIDL_DIRECT_2(gt, l8, a > b)
MINIDL_DIRECT_2(eq, l8, a == b)
#else
MINIDL_BY_HALVES_2(gt, l8, l4)
MINIDL_BY_HALVES_2(eq, l8, l4)
#endif
MINIDL_BY_HALVES_2(gt, l16, l8)
MINIDL_BY_HALVES_2(eq, l16, l8)

/* Denormals are slow, and no training needs them: flushed to zero as inputs and as results.
   Memory is read and written on the same side of a switch as in the source: clang would not keep
   to that. */
#if defined(__x86_64__)
MINIDL_FUNCTION void set_mxcsr(unsigned value) {
    __asm__ volatile("" : : : "memory");
    __builtin_ia32_ldmxcsr(value);
    __asm__ volatile("" : : : "memory");
}
MINIDL_FUNCTION uint64_t flush_denormals(void) {
    unsigned before = __builtin_ia32_stmxcsr();
    set_mxcsr(before | 0x8040);
    return before;
}
MINIDL_FUNCTION void restore_denormals(uint64_t before) { set_mxcsr((unsigned)before); }
#elif defined(__aarch64__)
MINIDL_FUNCTION uint64_t flush_denormals(void) {
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)) : "memory");
    return before;
}
MINIDL_FUNCTION void restore_denormals(uint64_t before) {
    __asm__ volatile("msr fpcr, %0" : : "r"(before) : "memory");
}
#else
MINIDL_FUNCTION uint64_t flush_denormals(void) { return 0; }
MINIDL_FUNCTION void restore_denormals(uint64_t before) { (void)before; }
#endif

#endif /* MINIDL_VECTORS: from here on, once for each width */

#define DOUBLE MINIDL_PASTE(MINIDL_IS_DOUBLE_, REAL)
#define LETTER MINIDL_PASTE(MINIDL_LETTER_, REAL)
#define V(name) MINIDL_PASTE(name, W)
#define MACHINE(name) MINIDL_PASTE(MINIDL_PASTE(name, LETTER), W)

typedef MACHINE(minidl_) V(real);
typedef MACHINE(minidl_mask_) V(mask);
typedef MINIDL_PASTE(minidl_l, W) V(ints);
typedef V(real) V(unaligned_real) __attribute__((aligned(sizeof(REAL)), may_alias));
#define real V(real)
#define ints V(ints)
#define mask V(mask)
#define ubits MACHINE(minidl_bits_)
#define INTS(name) MINIDL_PASTE(MINIDL_PASTE(minidl_, name), MINIDL_PASTE(_l, W))

#if W == 1
#define HOLDS(condition) (-(mask)(condition))
#define LANE(v, k) (v)
#else
#define HOLDS(condition) ((mask)(condition))
#define LANE(v, k) ((v)[k])
#endif

/* Memory. Arrays of real8 and ints8 are aligned; these take any address. */
MINIDL_INLINE real V(load)(const REAL *p) { return *(const V(unaligned_real) *)p; }
MINIDL_INLINE void V(store)(REAL *p, real x) { *(V(unaligned_real) *)p = x; }
MINIDL_INLINE ints V(load_ints)(const int64_t *p) { return INTS(load)(p); }
MINIDL_INLINE void V(store_ints)(int64_t *p, ints x) { INTS(store)(p, x); }
#if W == (DOUBLE ? 8 : 16)
MINIDL_INLINE real V(load_part)(const REAL *p, int n) { return MACHINE(minidl_load_part_)(p, n); }
MINIDL_INLINE void V(store_part)(REAL *p, real x, int n) { MACHINE(minidl_store_part_)(p, x, n); }
MINIDL_INLINE ints V(load_ints_part)(const int64_t *p, int n) { return INTS(load_part)(p, n); }
MINIDL_INLINE void V(store_ints_part)(int64_t *p, ints x, int n) { INTS(store_part)(p, x, n); }
#endif

/* The same number in every lane; x - 0 is x, the sign of zero too. */
MINIDL_INLINE real V(splat)(REAL x) { return x - (real){0}; }
MINIDL_INLINE ints V(splat_ints)(int64_t x) { return INTS(splat)(x); }
/* start, start + step, start + 2 step … */
MINIDL_INLINE real V(ramp)(REAL start, REAL step) {
    real y = V(splat)(start);
    for (int k = 1; k < W; k++) LANE(y, k) = start + (REAL)k * step;
    return y;
}
MINIDL_INLINE ints V(ramp_ints)(int64_t start, int64_t step) {
    int64_t y[W];
    for (int k = 0; k < W; k++) y[k] = start + k * step;
    return V(load_ints)(y);
}

/* A number's bits, and back. */
#if W == 1
MINIDL_INLINE mask V(bits)(real x) {
    union { real x; mask bits; } u = {x};
    return u.bits;
}
MINIDL_INLINE real V(from_bits)(mask bits) {
    union { mask bits; real x; } u = {bits};
    return u.x;
}
#else
MINIDL_INLINE mask V(bits)(real x) { return (mask)x; }
MINIDL_INLINE real V(from_bits)(mask bits) { return (real)bits; }
#endif
MINIDL_INLINE mask V(sign_bit)(void) { return V(bits)(V(splat)((REAL)-0.0)); }

/* Masks: a where it holds, b elsewhere. */
MINIDL_INLINE mask V(gt_mask)(real a, real b) { return HOLDS(a > b); }
MINIDL_INLINE mask V(ge_mask)(real a, real b) { return HOLDS(a >= b); }
MINIDL_INLINE mask V(lt_mask)(real a, real b) { return HOLDS(a < b); }
MINIDL_INLINE mask V(le_mask)(real a, real b) { return HOLDS(a <= b); }
MINIDL_INLINE mask V(eq_mask)(real a, real b) { return HOLDS(a == b); }
MINIDL_INLINE mask V(ne_mask)(real a, real b) { return HOLDS(a != b); }
MINIDL_INLINE real V(select)(mask m, real a, real b) {
    return V(from_bits)((V(bits)(a) & m) | (V(bits)(b) & ~m));
}
MINIDL_INLINE ints V(int_select)(ints m, ints a, ints b) {
    return INTS(xor)(b, INTS(and)(m, INTS(xor)(a, b)));
}
MINIDL_INLINE ints V(select_ints)(mask m, ints a, ints b) {
    return V(int_select)(MACHINE(minidl_widened_)(m), a, b);
}

/* Arithmetic. */
MINIDL_INLINE real V(fma)(real a, real b, real c) { return MACHINE(minidl_fma_)(a, b, c); }
MINIDL_INLINE real V(add)(real a, real b) { return a + b; }
MINIDL_INLINE real V(sub)(real a, real b) { return a - b; }
MINIDL_INLINE real V(mul)(real a, real b) { return a * b; }
MINIDL_INLINE real V(div)(real a, real b) { return a / b; }
MINIDL_INLINE real V(neg)(real x) { return -x; }
MINIDL_INLINE real V(abs)(real x) { return V(from_bits)(V(bits)(x) & ~V(sign_bit)()); }
MINIDL_INLINE real V(copysign)(real x, real sign) {
    return V(from_bits)((V(bits)(x) & ~V(sign_bit)()) | (V(bits)(sign) & V(sign_bit)()));
}
MINIDL_INLINE real V(reciprocal)(real x) { return V(splat)(1) / x; }
MINIDL_INLINE real V(sqrt)(real x) { return MACHINE(minidl_sqrt_)(x); }
MINIDL_INLINE real V(rsqrt)(real x) { return V(splat)(1) / V(sqrt)(x); }

/* max, min: NaN where either is. clamp_min, clamp_max: the same where the limit isn't NaN. */
#if MINIDL_GCC_X86
MINIDL_INLINE real V(clamp_min)(real x, real low) { return MACHINE(minidl_larger_)(low, x); }
MINIDL_INLINE real V(clamp_max)(real x, real high) { return MACHINE(minidl_smaller_)(high, x); }
#else
MINIDL_INLINE real V(clamp_min)(real x, real low) { return V(select)(HOLDS(low > x), low, x); }
MINIDL_INLINE real V(clamp_max)(real x, real high) { return V(select)(HOLDS(high < x), high, x); }
#endif
MINIDL_INLINE real V(max)(real a, real b) {
    return V(select)(HOLDS(a == a), V(clamp_min)(b, a), a);
}
MINIDL_INLINE real V(min)(real a, real b) {
    return V(select)(HOLDS(a == a), V(clamp_max)(b, a), a);
}

/* Conditions as numbers: 1 where they hold, else 0; whatever isn't 0 holds. */
MINIDL_INLINE real V(from_mask)(mask m) { return V(from_bits)(V(bits)(V(splat)(1)) & m); }
MINIDL_INLINE real V(gt)(real a, real b) { return V(from_mask)(HOLDS(a > b)); }
MINIDL_INLINE real V(ge)(real a, real b) { return V(from_mask)(HOLDS(a >= b)); }
MINIDL_INLINE real V(lt)(real a, real b) { return V(from_mask)(HOLDS(a < b)); }
MINIDL_INLINE real V(le)(real a, real b) { return V(from_mask)(HOLDS(a <= b)); }
MINIDL_INLINE real V(eq)(real a, real b) { return V(from_mask)(HOLDS(a == b)); }
MINIDL_INLINE real V(ne)(real a, real b) { return V(from_mask)(HOLDS(a != b)); }
MINIDL_INLINE real V(isnan)(real x) { return V(from_mask)(HOLDS(x != x)); }
MINIDL_INLINE mask V(holds)(real condition) { return HOLDS(condition != V(splat)(0)); }
MINIDL_INLINE real V(not)(real a) { return V(from_mask)(HOLDS(a == V(splat)(0))); }
MINIDL_INLINE real V(and)(real a, real b) { return V(from_mask)(V(holds)(a) & V(holds)(b)); }
MINIDL_INLINE real V(or)(real a, real b) { return V(from_mask)(V(holds)(a) | V(holds)(b)); }
MINIDL_INLINE real V(where)(real condition, real a, real b) {
    return V(select)(V(holds)(condition), a, b);
}
MINIDL_INLINE real V(sign)(real x) { /* of NaN 0, as torch says */
    return V(gt)(x, V(splat)(0)) - V(lt)(x, V(splat)(0));
}

/* Integers of 64 bits, which wrap around. */
MINIDL_INLINE ints V(add_ints)(ints a, ints b) { return INTS(add)(a, b); }
MINIDL_INLINE ints V(sub_ints)(ints a, ints b) { return INTS(sub)(a, b); }
MINIDL_INLINE ints V(mul_ints)(ints a, ints b) { return INTS(mul)(a, b); }
MINIDL_INLINE ints V(neg_ints)(ints a) { return INTS(sub)(INTS(splat)(0), a); }
MINIDL_INLINE ints V(and_ints)(ints a, ints b) { return INTS(and)(a, b); }
MINIDL_INLINE ints V(or_ints)(ints a, ints b) { return INTS(or)(a, b); }
MINIDL_INLINE ints V(xor_ints)(ints a, ints b) { return INTS(xor)(a, b); }
MINIDL_INLINE ints V(not_ints)(ints a) { return INTS(xor)(a, INTS(splat)(-1)); }
MINIDL_INLINE ints V(max_ints)(ints a, ints b) { return V(int_select)(INTS(gt)(a, b), a, b); }
MINIDL_INLINE ints V(min_ints)(ints a, ints b) { return V(int_select)(INTS(gt)(b, a), a, b); }
MINIDL_INLINE ints V(abs_ints)(ints a) { return V(max_ints)(a, V(neg_ints)(a)); }
MINIDL_INLINE ints V(shl_ints)(ints a, ints n) { return INTS(shl)(a, n); }
/* Of numbers ≥ 0 only, or where the bits shifted in aren't read. */
MINIDL_INLINE ints V(shr_words)(ints a, ints n) { return INTS(shr)(a, n); }
/* Rounds down, as torch's: by a shift of a + 2⁶³ ≥ 0, since AVX2 has no other. */
MINIDL_INLINE ints V(shr_ints)(ints a, ints n) {
    ints sign = INTS(splat)(INT64_MIN);
    return INTS(sub)(INTS(shr)(INTS(xor)(a, sign), n), INTS(shr)(sign, n));
}
/* The whole product of two numbers from 0 to 2³² - 1: what is above is not read. */
MINIDL_INLINE ints V(multiply_words)(ints a, ints b) { return INTS(multiply_words)(a, b); }

MINIDL_INLINE mask V(gt_ints_mask)(ints a, ints b) {
    return MACHINE(minidl_narrowed_)(INTS(gt)(a, b));
}
MINIDL_INLINE mask V(eq_ints_mask)(ints a, ints b) {
    return MACHINE(minidl_narrowed_)(INTS(eq)(a, b));
}
MINIDL_INLINE real V(gt_ints)(ints a, ints b) { return V(from_mask)(V(gt_ints_mask)(a, b)); }
MINIDL_INLINE real V(ge_ints)(ints a, ints b) { return V(from_mask)(~V(gt_ints_mask)(b, a)); }
MINIDL_INLINE real V(lt_ints)(ints a, ints b) { return V(from_mask)(V(gt_ints_mask)(b, a)); }
MINIDL_INLINE real V(le_ints)(ints a, ints b) { return V(from_mask)(~V(gt_ints_mask)(a, b)); }
MINIDL_INLINE real V(eq_ints)(ints a, ints b) { return V(from_mask)(V(eq_ints_mask)(a, b)); }
MINIDL_INLINE real V(ne_ints)(ints a, ints b) { return V(from_mask)(~V(eq_ints_mask)(a, b)); }
MINIDL_INLINE ints V(where_ints)(real condition, ints a, ints b) {
    return V(select_ints)(V(holds)(condition), a, b);
}

/* The integer towards zero; of a number beyond 64 bits the machine's whim. */
MINIDL_INLINE ints V(to_ints)(real x) { return MACHINE(minidl_to_ints_)(x); }
/* The nearest number. */
MINIDL_INLINE real V(to_reals)(ints a) { return MACHINE(minidl_to_reals_)(a); }
/* The same of integers from 0 to 2³¹ - 1, faster. */
MINIDL_INLINE real V(words_to_reals)(ints a) { return MACHINE(minidl_words_to_reals_)(a); }

#if DOUBLE

#define EACH_LANE(value) \
    real y = x; \
    for (int k = 0; k < W; k++) LANE(y, k) = value(LANE(x, k)); \
    return y
MINIDL_FUNCTION real V(exp)(real x) { EACH_LANE(__builtin_exp); }
MINIDL_FUNCTION real V(expm1)(real x) { EACH_LANE(__builtin_expm1); }
MINIDL_FUNCTION real V(log)(real x) { EACH_LANE(__builtin_log); }
MINIDL_FUNCTION real V(log1p)(real x) { EACH_LANE(__builtin_log1p); }
MINIDL_FUNCTION real V(tanh)(real x) { EACH_LANE(__builtin_tanh); }
MINIDL_FUNCTION real V(erf)(real x) { EACH_LANE(__builtin_erf); }
#undef EACH_LANE

#else

/* Horner's rule, a step of it: p x + c. */
#define THEN(c) p = V(fma)(p, x, V(splat)(c))
#define INFINITE V(splat)(__builtin_inff())

/* eˣ = 2ⁿ (1 + g(r)) with the integer n nearest to x / ln 2, r = x - n ln 2, |r| ≤ ln 2 / 2.
   Adding 1.5 · 2²³ rounds x / ln 2, and leaves n in the last bits. g(r) = r + r² p(r). */
MINIDL_INLINE real V(exp_parts)(real x, real *shifted) {
    const real shift = V(splat)(0x1.8p23f);
    *shifted = V(fma)(x, V(splat)(1.44269504f), shift);
    real n = *shifted - shift;
    x = V(fma)(n, V(splat)(-0.693359375f), x);
    x = V(fma)(n, V(splat)(2.12194440e-4f), x);
    real p = V(splat)(1.9875691500e-4f);
    THEN(1.3981999507e-3f);
    THEN(8.3334519073e-3f);
    THEN(4.1665795894e-2f);
    THEN(1.6666665459e-1f);
    THEN(5.0000001201e-1f);
    return V(fma)(p, x * x, x);
}

MINIDL_FUNCTION real V(exp)(real x) {
    real shifted, g = V(exp_parts)(x, &shifted);
    mask scaled = (mask)((ubits)V(bits)(V(splat)(1) + g) + ((ubits)V(bits)(shifted) << 23));
    scaled &= HOLDS(x >= V(splat)(-0x1.5d589ep6f));         /* ln 2⁻¹²⁶ */
    return V(select)(HOLDS(x <= V(splat)(0x1.62e42ep6f)), /* ln 2¹²⁸ */
                     V(from_bits)(scaled), x + INFINITE);
}

/* eˣ - 1 = 2ⁿ g(r) + (2ⁿ - 1), in halves, since 2¹²⁸ is beyond a float. */
MINIDL_FUNCTION real V(expm1)(real x) {
    real within = V(clamp_max)(V(clamp_min)(x, V(splat)(-18)), V(splat)(89));
    real shifted, g = V(exp_parts)(within, &shifted);
    real half = V(from_bits)((mask)(((ubits)V(bits)(shifted) << 23) + (126u << 23)));
    real y = V(fma)(half, g, half - V(splat)(0.5f));
    return V(select)(HOLDS(V(abs)(x) < V(splat)(0x1p-25f)), x, y + y);
}

/* ln x = n ln 2 + ln(1 + f) with x = 2ⁿ (1 + f), √½ ≤ 1 + f < √2. */
MINIDL_FUNCTION real V(log)(real of) {
    mask denormal = HOLDS(of < V(splat)(0x1p-126f));
    real normal = V(select)(denormal, of * V(splat)(0x1p23f), of);
    mask n = (V(bits)(normal) - V(bits)(V(splat)(0x1.6a09e6p-1f))) >> 23;
    real x = V(from_bits)((mask)((ubits)V(bits)(normal) - ((ubits)n << 23))) - V(splat)(1);
    const real shift = V(splat)(0x1.8p23f);
    real power = V(from_bits)(n + V(bits)(shift)) - shift;
    power = power - V(from_bits)(V(bits)(V(splat)(23)) & denormal);
    real p = V(splat)(7.0376836292e-2f);
    THEN(-1.1514610310e-1f);
    THEN(1.1676998740e-1f);
    THEN(-1.2420140846e-1f);
    THEN(1.4249322787e-1f);
    THEN(-1.6668057665e-1f);
    THEN(2.0000714765e-1f);
    THEN(-2.4999993993e-1f);
    THEN(3.3333331174e-1f);
    real square = x * x;
    real y = V(fma)(power, V(splat)(-2.12194440e-4f), square * x * p);
    y = V(fma)(square, V(splat)(-0.5f), y);
    y = V(fma)(power, V(splat)(0.693359375f), x + y);
    real beyond = V(select)(HOLDS(of == V(splat)(0)), -INFINITE, V(splat)(__builtin_nanf("")));
    beyond = V(select)(HOLDS(of == INFINITE), of, beyond);
    return V(select)(HOLDS(of > V(splat)(0)) & HOLDS(of < INFINITE), y, beyond);
}

/* ln(1 + x) = ln u + (x - (u - 1)) / u with u = 1 + x rounded. */
MINIDL_FUNCTION real V(log1p)(real x) {
    real u = V(splat)(1) + x;
    real lost = (x - (u - V(splat)(1))) / u;
    mask usual = HOLDS(u > V(splat)(0)) & HOLDS(u < INFINITE);
    real y = V(log)(u) + V(from_bits)(V(bits)(lost) & usual);
    return V(select)(HOLDS(V(abs)(x) < V(splat)(0x1p-25f)), x, y);
}

/* tanh x = g / (g + 2) with g = e²ˣ - 1 = 2ⁿ g(r) + (2ⁿ - 1). */
MINIDL_FUNCTION real V(tanh)(real x) {
    real size = V(clamp_max)(V(abs)(x), V(splat)(10));
    real shifted, g = V(exp_parts)(size + size, &shifted);
    real power = V(from_bits)((mask)(((ubits)V(bits)(shifted) << 23) + (127u << 23)));
    g = V(fma)(power, g, power - V(splat)(1));
    return V(copysign)(g / (g + V(splat)(2)), x);
}

/* erf x = 1 - e^p(|x|), near zero x + x p(x²); N. Juffa, stackoverflow.com/q/35148198. */
MINIDL_FUNCTION real V(erf)(real of) {
    real size = V(abs)(of);
    real x = V(clamp_max)(size, V(splat)(4));
    real p = V(splat)(-1.72853470e-5f);
    THEN(3.83197126e-4f);
    THEN(-3.88396438e-3f);
    THEN(2.42546219e-2f);
    THEN(-1.06777877e-1f);
    THEN(-6.34846687e-1f);
    THEN(-1.28717512e-1f);
    p = V(fma)(p, x, -x);
    real large = V(splat)(1) - V(exp)(p);
    x = of * of;
    p = V(splat)(-5.96761703e-4f);
    THEN(4.99119423e-3f);
    THEN(-2.67681349e-2f);
    THEN(1.12819925e-1f);
    THEN(-3.76125336e-1f);
    THEN(1.28379166e-1f);
    real small = V(fma)(p, size, size);
    return V(copysign)(V(select)(HOLDS(size > V(splat)(0.927734375f)), large, small), of);
}

#undef THEN
#undef INFINITE

#endif /* DOUBLE */

MINIDL_FUNCTION real V(sigmoid)(real x) { return V(splat)(1) / (V(splat)(1) + V(exp)(-x)); }

#undef DOUBLE
#undef LETTER
#undef V
#undef MACHINE
#undef real
#undef ints
#undef mask
#undef ubits
#undef INTS
#undef HOLDS
#undef LANE
#undef W
