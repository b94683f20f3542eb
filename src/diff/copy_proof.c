#include "diff/copy_proof.h"

#include <inttypes.h>

#include "diff/diff_match.h"
#include "diff/side_file.h"
#include "mapping/replay_saved.h"

/* A comparison with nothing. */
struct run {
    struct diff_rules rules;
    struct filter filter;
    struct replay_map map;
    struct diff_side *side;
    struct diff_pass pass;
    struct parted_log *logs[DIFF_SIDES];
    struct diff_functions functions;
    struct loss_report losses;
    struct buf at;
};

/* Before anything of the report is looked for in it. */
static int check_input(const struct copy_proof *proof, const char *input, int cancel_fd,
                       struct ft_err *err)
{
    char text[2 * SOURCE_ID_SIZE + 1];
    uint8_t id[SOURCE_ID_SIZE];
    struct source *source;
    int rc;

    if (source_open(&source, input, 0, err) != 0)
        return -1;
    rc = source_identify(source, cancel_fd, id, err);
    source_free(source);
    if (rc != 0)
        return -1;
    bytes_to_hex(bytes_of(id, sizeof(id)), text);
    if (strcmp(text, proof->source_id) == 0)
        return 0;
    return err_set(err, FT_ERR_USAGE, "\"%s\" is %s, but the report is about %s", input, text,
                   proof->source_id);
}

/* As --at has it; an input without flows has one state. */
static int put_at(struct run *r, const struct copy_proof *proof, struct ft_err *err)
{
    if (proof->flow_count == 0)
        return buf_append(&r->at, "end", sizeof("end"), err);
    for (uint32_t i = 0; i < proof->flow_count; i++) {
        if (buf_printf(&r->at, err, "%s%" PRIu64, i == 0 ? "" : ",", proof->next_lsn[i] - 1) != 0)
            return -1;
    }
    return buf_append(&r->at, "", 1, err);
}

static int run(struct run *r, const struct copy_proof *proof, const char *input, int cancel_fd,
               struct diff_progress *progress, struct diff_sums *ret, struct ft_err *err)
{
    const struct diff_table nothing = {0};
    struct diff_side_options options = {.generation = proof->generation,
                                        .redis_server = proof->redis_server,
                                        .cancel_fd = cancel_fd,
                                        .losses = &r->losses,
                                        .progress = progress};

    if (replay_saved_take(bytes_str(proof->rules), &r->filter, &r->map, &r->rules.ttl,
                          &r->rules.json_as, err) != 0 ||
        check_input(proof, input, cancel_fd, err) != 0 || put_at(r, proof, err) != 0)
        return -1;
    options.at = (const char *)r->at.p;
    if (side_file_new(&r->side, DIFF_A, input, &options, &r->rules, err) != 0 ||
        diff_match_log(&r->logs[DIFF_A], err) != 0 || diff_match_log(&r->logs[DIFF_B], err) != 0)
        return -1;
    r->pass.log = r->logs[DIFF_A];
    if (r->side->ops->read(r->side, &r->pass, err) != 0)
        return -1;
    return diff_match_sum(r->logs, &r->rules, &nothing, proof->moment_ms, ret, err);
}

int copy_proof_run(const struct copy_proof *proof, const char *input, int cancel_fd,
                   struct diff_progress *progress, struct diff_sums *ret, struct ft_err *err)
{
    struct run r = {.rules = {.target = &proof->target}};
    int rc;

    r.rules.filter = &r.filter;
    r.rules.map = &r.map;
    diff_functions_init(&r.functions);
    loss_init(&r.losses);
    r.pass = (struct diff_pass){.rules = &r.rules,
                                .of = DIFF_A,
                                .functions = &r.functions,
                                .losses = &r.losses,
                                .keys = &progress->keys[DIFF_A]};
    diff_pass_init(&r.pass);
    rc = run(&r, proof, input, cancel_fd, progress, ret, err);
    diff_pass_release(&r.pass);
    if (r.side != NULL)
        r.side->ops->free(r.side);
    for (int of = DIFF_A; of <= DIFF_B; of++)
        parted_log_free(r.logs[of]);
    diff_functions_release(&r.functions);
    loss_release(&r.losses);
    filter_release(&r.filter);
    replay_map_release(&r.map);
    buf_release(&r.at);
    return rc;
}
