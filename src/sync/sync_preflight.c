#include "sync/sync_preflight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "store/capture.h"
#include "store/capture_set.h"
#include "sync/sync_limits.h"
#include "sync/sync_rights.h"
#include "sync/sync_served.h"
#include "wire/redis_info.h"
#include "wire/server_info.h"

/* Lines "db3:keys=12,..." */
static void take_dbs(struct sync_source_facts *f, const char *info)
{
    while (info != NULL && f->db_count < SYNC_DBS_MAX && (info = strstr(info, "\ndb")) != NULL) {
        char *end;
        unsigned long db = strtoul(info + 3, &end, 10);

        if (end != info + 3 && *end == ':' && db <= UINT32_MAX) {
            f->dbs[f->db_count++] = (uint32_t)db;
            if (strncmp(end, ":keys=", 6) == 0)
                f->keys += strtoull(end + 6, NULL, 10);
        }
        info += 3;
    }
}

static void ask_info(struct sync_source_facts *f, const struct sync_options *o)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct redis_pipe *pipe;
    redisReply *reply;

    if (redis_pipe_open_within(&pipe, o->capture.source, o->cancel_fd, sync_ask_ms(o), NULL, NULL,
                               &ignored) != 0)
        return;
    if (redis_pipe_call_text(pipe, &reply, "INFO", &ignored) == 0) {
        struct server_info info = {0};

        f->answered = reply->type == REDIS_REPLY_STRING;
        if (f->answered) {
            server_info_parse(reply->str, &info);
            take_dbs(f, reply->str);
        }
        f->used_memory = info.used_memory;
        reply_free(reply);
    }
    redis_pipe_free(pipe);
}

static int find_set(struct sync_source_facts *f, const struct sync_options *o, struct ft_err *err)
{
    struct capture_set *set;

    if (capture_set_open_read(&set, o->capture.directory, err) != 0)
        return -1;
    bytes_to_hex(bytes_of(set->id, sizeof(set->id)), f->capture);
    f->begun = capture_set_find(set, 0) != NULL;
    capture_set_free(set);
    return 0;
}

/* One that is there and cannot be read would be taken for none: the target would be said to belong to another. */
static int find_capture(struct sync_source_facts *f, const struct sync_options *o,
                        struct ft_err *err)
{
    struct capture *c;
    char *manifest;
    bool is_there;

    if (asprintf(&manifest, "%s/" CAPTURE_MANIFEST, o->capture.directory) < 0)
        return err_nomem(err, "a path");
    is_there = access(manifest, F_OK) == 0;
    free(manifest);
    if (capture_set_is_dir(o->capture.directory))
        return find_set(f, o, err);
    if (!is_there)
        return 0;
    if (capture_open_read(&c, o->capture.directory, err) != 0)
        return -1;
    bytes_to_hex(bytes_of(c->id, sizeof(c->id)), f->capture);
    f->begun = capture_newest(c) != NULL;
    capture_free(c);
    return 0;
}

int sync_ask_source(struct sync_source_facts *ret, const struct sync_options *o, struct ft_err *err)
{
    struct sync_source_facts f = {0};

    ask_info(&f, o);
    if (find_capture(&f, o, err) != 0)
        return -1;
    *ret = f;
    return 0;
}

struct replay_expected sync_expect(const struct sync_source_facts *f)
{
    return (struct replay_expected){
        .dbs = f->dbs,
        .db_count = f->db_count,
        .keys = f->keys,
        .used_memory = f->used_memory,
        .capture = f->capture[0] == '\0' ? NULL : f->capture,
    };
}

/* How large a capture becomes, nobody knows; that of a source that is larger than the disk hardly fits. */
static void look_at_disk(const struct sync_source_facts *k, struct sync *s)
{
    char left[FORMAT_SIZE];
    char used[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t free_bytes;

    if (k->used_memory == 0 ||
        (statvfs(s->o->capture.directory, &fs) != 0 && statvfs(".", &fs) != 0))
        return;
    free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes < k->used_memory)
        sync_note(s, "the file system of \"%s\" has %s left, and the source uses %s of memory",
                  s->o->capture.directory, format_size(free_bytes, left),
                  format_size(k->used_memory, used));
}

static int preflight_target(struct replay_checks *ret, struct sync *s, struct ft_err *err)
{
    struct replay_options options;
    struct sync_source_facts f;
    struct replay_expected expected;

    if (sync_ask_source(&f, s->o, err) != 0)
        return -1;
    /* the source may not have the records any more by the time a lost target is there again */
    s->replay_options.known_target = f.begun;
    options = s->replay_options;
    options.cancel_fd = s->o->cancel_fd;
    look_at_disk(&f, s);
    expected = sync_expect(&f);
    return replay_preflight_target(ret, &options, &expected, err);
}

/* What is wrong on either side is said at once, so that nobody mends one to hear of the other. */
int sync_preflight(struct replay_checks *ret, struct sync *s, struct ft_err *err)
{
    struct ft_err of_source = FT_ERR_INIT;
    struct ft_err of_target = FT_ERR_INIT;
    bool source;
    bool target;

    if (sync_check_free(s, err) != 0)
        return -1;
    source = sync_check_rights(s->o, &of_source) == 0;
    if (!source && of_source.kind == FT_ERR_CANCELLED) {
        *err = of_source;
        return -1;
    }
    target = (s->serves ? sync_served_preflight(s, &of_target)
                        : preflight_target(ret, s, &of_target)) == 0;
    if (!source && !target)
        return err_set(err, of_target.kind, "%s; %s", of_source.msg, of_target.msg);
    if (!source || !target)
        *err = source ? of_target : of_source;
    return source && target ? 0 : -1;
}
