/* replay/position/replay_letters.h: a file of dead letters. Input: the file. */
#include "fuzz/fuzz.h"
#include "replay/position/replay_letters.h"

/* Every other one is refused, so that the file is written again. */
static int take(void *context, const struct replay_letter *letter, bool *ret_refused,
                struct ft_err *err)
{
    static volatile uint8_t sum;

    (void)err;
    for (size_t i = 0; i < letter->count; i++)
        for (size_t at = 0; at < letter->args[i].n; at++)
            sum = (uint8_t)(sum + letter->args[i].p[at]);
    *ret_refused = (*(unsigned *)context)++ % 2 == 0;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_letters *l;
    unsigned taken = 0;
    char path[400];

    fuzz_file(fuzz_directory(), "letters", bytes_of(p, n));
    (void)snprintf(path, sizeof(path), "%s/letters", fuzz_directory());
    if (replay_letters_open(&l, path, false, &err) == 0) {
        fuzz_result(replay_letters_each(l, take, &taken, &err), &err);
        replay_letters_close(l);
    } else {
        fuzz_error(&err);
    }
    return 0;
}
