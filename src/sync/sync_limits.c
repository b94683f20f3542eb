#include "sync/sync_limits.h"

#include "base/clock.h"
#include "capture/dir_limits.h"
#include "sync/sync_worker.h"

#define LOOK_EVERY_MS 500u

static struct dir_limits limits_of(const struct sync_options *o)
{
    return (struct dir_limits){o->capture.directory, o->max_dir_bytes, o->min_free_bytes};
}

int sync_check_free(const struct sync *s, struct ft_err *err)
{
    struct dir_limits limits = limits_of(s->o);

    limits.max_dir_bytes = 0; /* what a full directory holds can still be replayed */
    return dir_limits_allow_start(&limits, err);
}

void sync_check_limits(struct sync *s)
{
    const struct dir_limits limits = limits_of(s->o);
    uint64_t now_ms = clock_mono_ms();
    char text[DIR_LIMITS_TEXT];

    if (s->full || s->taken_over || now_ms - s->limits_ms < LOOK_EVERY_MS)
        return;
    s->limits_ms = now_ms;
    if (!dir_limits_reached(&limits, text))
        return;
    sync_note(s, "%s: the capture ends here", text);
    s->full = true;
    sync_cancel(&s->capture);
}
