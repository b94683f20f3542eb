/* store/capture.h: capture.json; and what --at means for what it says, input/cut.h. Input: a moment as
 * text, NUL, the file. */
#include <sys/stat.h>

#include "fuzz/fuzz.h"
#include "input/cut.h"

static void cut_at(const char *text, const struct capture *c)
{
    const struct generation *g = capture_find(c, 0);
    struct ft_err err = FT_ERR_INIT;
    struct cut cut;

    if (g == NULL)
        return;
    if (cut_resolve(&cut, text, c, g, &err) == 0)
        cut_release(&cut);
    else
        fuzz_error(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const uint8_t *end = n > 0 ? memchr(p, '\0', n) : NULL;
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;
    size_t at;

    if (end == NULL)
        return 0;
    at = (size_t)(end - p) + 1;
    fuzz_file(fuzz_directory(), CAPTURE_MANIFEST, bytes_of(p + at, n - at));
    if (capture_open_read(&c, fuzz_directory(), &err) == 0) {
        cut_at((const char *)p, c);
        capture_free(c);
    } else {
        fuzz_error(&err);
    }
    return 0;
}
