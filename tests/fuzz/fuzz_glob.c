/* base/glob.h. Input: pattern, NUL, text. */
#include "base/glob.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const uint8_t *end = n > 0 ? memchr(p, '\0', n) : NULL;
    size_t pattern = end != NULL ? (size_t)(end - p) : n;
    size_t text = pattern < n ? pattern + 1 : n;

    (void)glob_match(bytes_of(p, pattern), bytes_of(p + text, n - text));
    return 0;
}
