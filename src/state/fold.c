#include "state/fold.h"

#include <stdlib.h>

#include "wire/server_info.h"

/* The oldest that may apply a journal. */
#define OLDEST_SERVER 700u

static int ask_version(struct private_redis *server, const char *program, struct server_info *ret,
                       struct ft_err *err)
{
    struct redis_pipe *pipe;
    int rc;

    if (private_redis_connect(server, &pipe, NULL, NULL, err) != 0)
        return -1;
    rc = server_info_fetch(pipe, program, ret, err);
    redis_pipe_free(pipe);
    if (rc != 0 || ret->version >= OLDEST_SERVER)
        return rc;
    return err_set(err, FT_ERR_STATE,
                   "\"%s\" is Redis %u.%u; 7.0 or later is needed to apply the journal "
                   "(--redis-server PATH names another one)",
                   program, ret->version / 100, ret->version % 100);
}

int fold_check_server(const char *program, int cancel_fd, struct ft_err *err)
{
    struct private_redis *server;
    struct server_info info;
    int rc;

    if (private_redis_start(&server, program, cancel_fd, err) != 0)
        return -1;
    rc = ask_version(server, program, &info, err);
    private_redis_free(server);
    return rc;
}

static int check_version(struct fold *f, struct ft_err *err)
{
    struct server_info info;

    if (ask_version(f->server, f->options.redis_server, &info, err) != 0)
        return -1;
    f->own = target_of_server(info.version, info.valkey, info.modules);
    f->engine = &f->own;
    return 0;
}

static int start_server(struct fold *f, struct ft_err *err)
{
    if (private_redis_start(&f->server, f->options.redis_server, f->source->cancel_fd, err) != 0)
        return -1;
    return check_version(f, err);
}

/*
 * Of many journals each record is plain, for the oldest server already: then none is needed. Else the first that is not ends
 * the attempt. 1: it did.
 */
static int scan_plain(struct fold *f, struct fold_plan_options plan, struct ft_err *err)
{
    const struct target oldest = target_of_server(OLDEST_SERVER, 0, "");
    struct ft_err cause = FT_ERR_INIT;

    plan.target = &oldest;
    plan.plain_only = true;
    if (fold_plan_scan(f->plan, &plan, &cause) == 0)
        return 0;
    if (!fold_plan_asks(f->plan))
        return err_copy(err, &cause);
    fold_plan_free(f->plan);
    f->plan = NULL;
    return fold_plan_new(&f->plan, f->source, f->options.cut, err) != 0 ? -1 : 1;
}

/* The plan translates for the server, as the streams will. Records inside a full sync are not translated by it. */
static int prepare(struct fold *f, struct ft_err *err)
{
    struct fold_plan_options plan = {.cut = f->options.cut,
                                     .target = f->options.target,
                                     .json_as = f->options.json_as,
                                     .choice = f->options.choice,
                                     .plain = f->plain};
    int rc = 1;

    f->noted = f->options.choice.wants == NULL;
    if (fold_plan_new(&f->plan, f->source, f->options.cut, err) != 0)
        return -1;
    if (!f->options.cut->is_snapshot && f->noted &&
        f->source->snapshot_records == SNAPSHOT_RECORDS_NONE)
        rc = scan_plain(f, plan, err);
    if (rc <= 0)
        return rc;
    if (!f->options.cut->is_snapshot) {
        if (start_server(f, err) != 0)
            return -1;
        plan.target = f->engine;
    }
    if (fold_plan_scan(f->plan, &plan, err) != 0)
        return -1;
    if (!fold_plan_is_empty(f->plan))
        return f->server == NULL ? start_server(f, err) : 0;
    private_redis_free(f->server);
    f->server = NULL;
    return 0;
}

int fold_new(struct fold **ret, const struct source *source, const struct fold_options *options,
             struct ft_err *err)
{
    struct fold *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "the point-in-time conversion");
    (void)pthread_mutex_init(&f->suspects_mu, NULL); /* default attributes: cannot fail on Linux */
    f->source = source;
    f->options = *options;
    if (plain_keys_new(&f->plain, err) != 0 || prepare(f, err) != 0) {
        fold_free(f);
        return -1;
    }
    *ret = f;
    return 0;
}

int fold_note_entry(struct fold *f, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    unsigned release;
    bool guessed;
    int rc;

    if (f->options.suspects == NULL || rdb_type_class(entry->type) != VALUE_STREAM)
        return 0;
    release = source_journal_release(f->source);
    if (suspect_group_reads(release, entry->type, entry->value, &guessed, err) != 0)
        return -1;
    if (!guessed)
        return 0;
    pthread_mutex_lock(&f->suspects_mu);
    rc = suspect_add_entry(f->options.suspects, release, item, err);
    pthread_mutex_unlock(&f->suspects_mu);
    return rc;
}

unsigned fold_look(const struct fold *f, uint32_t db, struct bytes key)
{
    return fold_plan_look(f->plan, db, key);
}

uint64_t fold_look_run(const struct fold *f, const struct rdb_run *run)
{
    return fold_plan_look_run(f->plan, run);
}

bool fold_takes_functions(const struct fold *f)
{
    return fold_plan_functions(f->plan);
}

bool fold_wants_scripts(const struct fold *f)
{
    return fold_plan_takes_all(f->plan);
}

bool fold_drops(const struct fold *f, uint32_t db, struct bytes key)
{
    return fold_plan_drops(f->plan, db, key);
}

void fold_hide(struct fold *f)
{
    if (f->server != NULL)
        private_redis_hide(f->server);
}

void fold_free(struct fold *f)
{
    if (f == NULL)
        return;
    private_redis_free(f->server);
    plain_keys_free(f->plain);
    (void)pthread_mutex_destroy(&f->suspects_mu); /* nobody holds it any more */
    fold_plan_free(f->plan);
    free(f);
}
