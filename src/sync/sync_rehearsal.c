#include "sync/sync_rehearsal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "replay/replay_outlook.h"
#include "sync/sync_preflight.h"
#include "sync/sync_rights.h"
#include "wire/dfly_master.h"
#include "wire/psync_master.h"

/* The same of a Redis, which is asked for nothing yet. */
static int ask_redis(struct replay_rehearsal *ret, const struct sync_options *o, struct ft_err *why)
{
    struct psync_master master;

    if (psync_master_open(&master, o->capture.source, o->cancel_fd, o->capture.give_up_after_ms,
                          NULL, NULL, why) != 0)
        return -1;
    if (sync_check_rights(o, why) != 0) {
        psync_master_close(&master);
        return -1;
    }
    replay_checks_add(&ret->checks, "source", REPLAY_CHECK_PASSED,
                      "%s; whether it lets this user replicate shows when it is asked to",
                      master.version[0] != '\0' ? master.version : "a Redis of an unknown version");
    psync_master_close(&master);
    return 0;
}

static int ask_dragonfly(struct replay_rehearsal *ret, const struct sync_options *o,
                         struct ft_err *why)
{
    struct dfly_master master;

    if (dfly_master_open(&master, o->capture.source, o->cancel_fd, o->capture.give_up_after_ms,
                         NULL, NULL, why) != 0)
        return -1;
    replay_checks_add(&ret->checks, "source", REPLAY_CHECK_PASSED,
                      "Dragonfly %s, %" PRIu32 " flow%s; it lets this user replicate",
                      master.release[0] != '\0' ? master.release : "of an unknown release",
                      master.flow_count, plural(master.flow_count));
    dfly_master_close(&master);
    return 0;
}

/* A replica that says hello and leaves: the source has nothing to send to it. */
static int greet(struct replay_rehearsal *ret, const struct sync_options *o, struct ft_err *err)
{
    struct ft_err why = FT_ERR_INIT;
    int rc = o->capture.source->scheme == URI_DRAGONFLY ? ask_dragonfly(ret, o, &why)
                                                        : ask_redis(ret, o, &why);

    if (rc != 0 && why.kind == FT_ERR_CANCELLED) {
        *err = why;
        return -1;
    }
    if (rc != 0)
        (void)replay_checks_fail(&ret->checks, "source", &why);
    return 0;
}

static void tell_keys(struct replay_rehearsal *ret, const struct sync_source_facts *f)
{
    char size[FORMAT_SIZE];

    ret->keys = f->keys;
    ret->bytes = f->used_memory;
    if (replay_checks_count(&ret->checks, REPLAY_CHECK_FAILED) != 0)
        return; /* said already */
    if (!f->answered)
        replay_checks_add(&ret->checks, "source", REPLAY_CHECK_NOTED,
                          "it does not say how many keys and databases it has (INFO)");
    else
        replay_checks_add(&ret->checks, "source", REPLAY_CHECK_PASSED,
                          "it has %" PRIu64 " key%s in %zu database%s and uses %s of memory",
                          f->keys, plural(f->keys), f->db_count, plural(f->db_count),
                          format_size(f->used_memory, size));
}

static int look_at_source_clock(struct replay_rehearsal *ret, const struct sync_options *o,
                                struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT; /* a source that is away was named before */
    struct redis_pipe *pipe;
    int rc;

    if (redis_pipe_open_within(&pipe, o->capture.source, o->cancel_fd, sync_ask_ms(o), NULL, NULL,
                               &ignored) != 0)
        return 0;
    rc = replay_outlook_clock(&ret->checks, "the source", pipe, err);
    redis_pipe_free(pipe);
    return rc;
}

static void look_at_directory(struct replay_rehearsal *ret, const struct sync_options *o,
                              const struct sync_source_facts *f)
{
    if (f->begun)
        replay_checks_add(&ret->checks, "directory", REPLAY_CHECK_PASSED,
                          "\"%s\" has a capture, which is continued", o->capture.directory);
    else if (f->capture[0] != '\0')
        replay_checks_add(&ret->checks, "directory", REPLAY_CHECK_PASSED,
                          "\"%s\" has a capture that holds nothing yet", o->capture.directory);
    else
        replay_checks_add(&ret->checks, "directory", REPLAY_CHECK_PASSED,
                          "\"%s\" gets a new capture", o->capture.directory);
    replay_outlook_disk(&ret->checks, o->capture.directory, "the capture", f->used_memory);
}

int sync_rehearse(struct replay_rehearsal *ret, const struct sync_options *options,
                  struct ft_err *err)
{
    struct replay_options replay = options->replay;
    struct sync_source_facts f;
    struct replay_expected expected;

    *ret = (struct replay_rehearsal){0};
    if (greet(ret, options, err) != 0 || sync_ask_source(&f, options, err) != 0)
        return -1;
    tell_keys(ret, &f);
    expected = sync_expect(&f);
    replay.cancel_fd = options->cancel_fd;
    replay.follow = !options->snapshot_only;
    if (replay_rehearse_target(ret, &replay, &expected, err) != 0 ||
        look_at_source_clock(ret, options, err) != 0)
        return -1;
    look_at_directory(ret, options, &f);
    replay_checks_add(
        &ret->checks, "losses", REPLAY_CHECK_NOTED,
        "known once there is a capture: flowtape capture --snapshot-only, then inspect "
        "--for or replay --dry-run");
    return 0;
}
