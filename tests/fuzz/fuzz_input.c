/*
 * input/source.h, diff/diff.h: a file as an input, compared with itself. Input: what it is called, the file.
 */
#include "diff/diff.h"
#include "fuzz/fuzz.h"
#include "input/source.h"

static const char *const names[] = {"input.rdb", "input-0000.dfs", "input.rdb.zst", "input.tar"};

/* A journal would need a redis-server, which there is not. */
static void compare(const char *path)
{
    static const struct filter filter;
    static const struct replay_map map;
    struct diff_options options = {.rules = {.filter = &filter, .map = &map},
                                   .redis_server = "/nonexistent/redis-server",
                                   .rounds = 1,
                                   .show = 1,
                                   .cancel_fd = -1};
    struct diff_progress progress = {0};
    struct loss_report losses;
    struct ft_err err = FT_ERR_INIT;
    struct diff_result result = {0};

    options.input[DIFF_A] = options.input[DIFF_B] = (struct diff_input){.name = path};
    loss_init(&losses);
    if (diff_run(&options, &progress, &losses, &result, &err) == 0)
        fuzz_must(diff_is_equal(&result) && result.keys[DIFF_A] == result.keys[DIFF_B]);
    else
        fuzz_error(&err);
    loss_release(&losses);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    const char *name = names[fuzz_byte(&in) % (sizeof(names) / sizeof(names[0]))];
    struct ft_err err = FT_ERR_INIT;
    struct source *source;
    char path[400];

    fuzz_file(fuzz_directory(), name, in);
    (void)snprintf(path, sizeof(path), "%s/%s", fuzz_directory(), name);
    if (source_open(&source, path, 0, &err) == 0) {
        source_free(source);
        compare(path);
    } else {
        fuzz_error(&err);
    }
    return 0;
}
