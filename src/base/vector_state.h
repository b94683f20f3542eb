/*
 * vector_state.h - leaves no wide vector registers behind after isa-l.
 *
 * Its checksums use AVX-512 and return with the upper halves of the registers in use. Until these are
 * cleared, each SSE instruction that follows waits for them, wherever it is in the program.
 */
#ifndef FLOWTAPE_BASE_VECTOR_STATE_H
#define FLOWTAPE_BASE_VECTOR_STATE_H

#if defined(__x86_64__)
static inline void vector_state_clear(void)
{
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroupper");
}
#else
static inline void vector_state_clear(void)
{
}
#endif

#endif
