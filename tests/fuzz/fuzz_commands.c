/*
 * serve/command_reader.h, serve/redis_commands.h: what a client sends to a served input. Input: flags (a password,
 * pieces), its bytes.
 */
#include "fuzz/fuzz.h"
#include "serve/command_reader.h"
#include "serve/redis_commands.h"

#define PIECE 5

struct seen {
    struct buf args; /* of all commands, each with its length */
    size_t commands;
    bool refused;
};

static void note_args(struct seen *s, const struct command_reader *r)
{
    struct ft_err err = FT_ERR_INIT;

    fuzz_must(r->count <= COMMAND_ARGS_MAX && buf_printf(&s->args, &err, "*%zu", r->count) == 0);
    for (size_t i = 0; i < r->count; i++)
        fuzz_must(buf_printf(&s->args, &err, "$%zu:", r->args[i].n) == 0 &&
                  buf_append(&s->args, r->args[i].p, r->args[i].n, &err) == 0);
    s->commands++;
}

/* Nothing is sent anywhere: replies are collected. */
static struct redis_master *a_master(bool password)
{
    static const uint64_t lsns[] = {1, 7};
    static const struct stream_log_options log = {
        .name = "served", .generation = 1, .flow_count = 2, .first_lsn = lsns};
    static struct serve_options options = {.databases = 16};
    static struct serve_progress progress;
    static struct redis_master master = {.o = &options, .progress = &progress, .flow_count = 2};
    struct ft_err err = FT_ERR_INIT;

    if (master.log == NULL) {
        fuzz_must(target_parse("7.0", &options.target, &err) == 0 &&
                  stream_log_open(&master.log, &log, &err) == 0);
        replica_list_init(&master.replicas, 4);
    }
    options.password = password ? "secret" : NULL;
    return &master;
}

static void answer(struct redis_peer *peer)
{
    struct redis_request request = {0};
    struct ft_err err = FT_ERR_INIT;

    fuzz_must(redis_command_answer(peer, &request, &err) == 0);
    fuzz_must(request.kind <= REQUEST_PSYNC &&
              memchr(request.id, '\0', sizeof(request.id)) != NULL &&
              memchr(peer->replica.host, '\0', sizeof(peer->replica.host)) != NULL);
    fuzz_must(request.kind == REQUEST_NONE || peer->authenticated);
    buf_clear(&peer->out);
}

/* Whatever the pieces, the commands are the same. */
static void read_all(struct redis_peer *peer, struct bytes in, size_t piece, struct seen *ret)
{
    struct ft_err err = FT_ERR_INIT;

    while (in.n > 0 && !ret->refused) {
        struct bytes some = bytes_of(in.p, in.n < piece ? in.n : piece);
        enum step step;

        in = bytes_of(in.p + some.n, in.n - some.n);
        fuzz_must(command_reader_push(&peer->reader, some, &err) == 0);
        while ((step = command_reader_next(&peer->reader, &err)) == STEP_ITEM) {
            note_args(ret, &peer->reader);
            answer(peer);
        }
        ret->refused = step == STEP_ERROR;
        if (ret->refused)
            fuzz_error(&err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in);
    struct redis_master *master = a_master((flags & 1) != 0);
    const size_t pieces[2] = {in.n + 1, (flags & 2) != 0 ? 1 : PIECE};
    struct seen seen[2] = {0};

    for (size_t i = 0; i < 2; i++) {
        struct redis_peer peer = {.master = master, .authenticated = (flags & 1) == 0};

        read_all(&peer, in, pieces[i], &seen[i]);
        command_reader_release(&peer.reader);
        buf_release(&peer.out);
    }
    fuzz_must(seen[0].commands == seen[1].commands && seen[0].refused == seen[1].refused &&
              bytes_eq(buf_bytes(&seen[0].args), buf_bytes(&seen[1].args)));
    buf_release(&seen[0].args);
    buf_release(&seen[1].args);
    return 0;
}
