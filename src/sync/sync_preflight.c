#include "sync/sync_preflight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "store/capture.h"
#include "sync/sync_limits.h"
#include "wire/redis_info.h"
#include "wire/server_info.h"

/* A source that is slower has not said what it holds. */
#define ASK_MS  5000u
#define DBS_MAX 256u

struct known {
    uint32_t dbs[DBS_MAX];
    size_t db_count;
    uint64_t used_memory;
    bool begun; /* a sync into this directory was at work before */
    char capture[2 * CAPTURE_ID_SIZE + 1];
};

static void take_dbs(struct known *k, const char *info)
{
    uint64_t keys;
    uint32_t db;

    while (k->db_count < DBS_MAX && redis_info_next_db(&info, &db, &keys))
        k->dbs[k->db_count++] = db;
}

static void ask_source(struct known *k, const struct sync *s)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct redis_pipe *pipe;
    redisReply *reply;

    if (redis_pipe_open_within(&pipe, s->o->capture.source, s->o->cancel_fd, ASK_MS, NULL, NULL,
                               &ignored) != 0)
        return;
    if (redis_pipe_call_text(pipe, &reply, "INFO", &ignored) == 0) {
        struct server_info info = {0};

        if (reply->type == REDIS_REPLY_STRING) {
            server_info_parse(reply->str, &info);
            take_dbs(k, reply->str);
        }
        k->used_memory = info.used_memory;
        freeReplyObject(reply);
    }
    redis_pipe_free(pipe);
}

static void find_capture(struct known *k, const struct sync *s)
{
    struct ft_err ignored = FT_ERR_INIT; /* there is none yet: the capture says what is wrong */
    struct capture *c;

    if (capture_open_read(&c, s->o->capture.directory, &ignored) != 0)
        return;
    bytes_to_hex(bytes_of(c->id, sizeof(c->id)), k->capture);
    k->begun = capture_newest(c) != NULL;
    capture_free(c);
}

/* How large a capture becomes, nobody knows; that of a source that is larger than the disk hardly fits. */
static void look_at_disk(const struct known *k, struct sync *s)
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

int sync_preflight(struct replay_preflight *ret, struct sync *s, struct ft_err *err)
{
    struct replay_options options;
    struct known k = {0};
    struct replay_expected expected = {.dbs = k.dbs};

    if (sync_check_free(s, err) != 0)
        return -1;
    ask_source(&k, s);
    find_capture(&k, s);
    /* the source may not have the records any more by the time a lost target is there again */
    s->replay_options.known_target = k.begun;
    options = s->replay_options;
    options.cancel_fd = s->o->cancel_fd;
    look_at_disk(&k, s);
    expected.db_count = k.db_count;
    expected.used_memory = k.used_memory;
    expected.capture = k.capture[0] == '\0' ? NULL : k.capture;
    return replay_preflight_target(ret, &options, &expected, err);
}
