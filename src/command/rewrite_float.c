/* INCRBYFLOAT and HINCRBYFLOAT, computed as the source does. */
#include "command/rewrite_float.h"

#include "command/command_lua.h"

/* Up to this release of the source HINCRBY and HINCRBYFLOAT took away the time of the field. */
#define FIELD_TIME_LOST_RELEASE 135u

static bool keeps_field_time(const struct rewrite *rw)
{
    return rw->options->target->member_ttl && !rewrite_source_up_to(rw, FIELD_TIME_LOST_RELEASE);
}

void rewrite_incrbyfloat(struct rewrite *rw)
{
    rewrite_script(rw, rewrite_target(rw) < 602 ? lua_incrbyfloat_pttl : lua_incrbyfloat, 1);
    rewrite_put(rw, rw->args[2]);
    rewrite_note(rw, "added as the source adds: doubles, written as the shortest text");
}

void rewrite_hincrbyfloat(struct rewrite *rw)
{
    rewrite_script(rw, lua_hincrbyfloat, 1);
    rewrite_put_args(rw, 2, 4);
    rewrite_put_str(rw, keeps_field_time(rw) ? "1" : "0");
    rewrite_note(rw, "added as the source adds: doubles, written as the shortest text");
}

void rewrite_hincrby(struct rewrite *rw)
{
    if (!rw->options->target->member_ttl || keeps_field_time(rw)) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_begin(rw, "HINCRBY");
    rewrite_put_args(rw, 1, rw->count);
    rewrite_begin(rw, "HPERSIST");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_str(rw, "FIELDS");
    rewrite_put_str(rw, "1");
    rewrite_put(rw, rw->args[2]);
}
