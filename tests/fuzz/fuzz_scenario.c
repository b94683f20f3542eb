/*
 * fixture/scenario_text.h, fixture/scenario.h: a scenario's words, and its lines as far as they need no redis-server.
 * Input: the text.
 */
#include "base/temp_dir.h"
#include "fixture/scenario.h"
#include "fixture/scenario_text.h"
#include "fuzz/fuzz.h"

static void read_args(struct bytes text)
{
    struct ft_err err = FT_ERR_INIT;
    struct scenario_text t;
    enum step step;

    scenario_text_init(&t, "text", text);
    while ((step = scenario_text_next(&t, &err)) == STEP_ITEM) {
        fuzz_must(t.count > 0);
        for (size_t i = 0; i < t.count; i++)
            fuzz_must(t.args[i].n <= text.n && t.columns[i] >= 1 && t.columns[i] <= text.n);
    }
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    scenario_text_release(&t);
}

/* There is no such program, so nothing is made: what was begun is removed again. */
static void make(struct bytes text)
{
    struct scenario_options options = {
        .name = "text", .text = text, .redis_server = "/nonexistent/redis-server", .cancel_fd = -1};
    struct scenario_result result;
    struct ft_err err = FT_ERR_INIT;
    char path[400];

    (void)snprintf(path, sizeof(path), "%s/made", fuzz_directory());
    options.directory = path;
    fuzz_must(scenario_make(&options, &result, &err) != 0);
    fuzz_error(&err);
    fuzz_must(access(path, F_OK) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    read_args(bytes_of(p, n));
    make(bytes_of(p, n));
    return 0;
}
