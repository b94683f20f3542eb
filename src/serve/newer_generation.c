#include "serve/newer_generation.h"

int newer_generation_look(struct newer_generation *n, const struct source *source,
                          struct ft_err *err)
{
    const struct generation *g;
    struct capture *capture;
    struct stat now;
    int found;

    if (!source_stamp(source, &now))
        return 0; /* being replaced, or gone: the segments will tell */
    if (now.st_ino == n->manifest.st_ino && now.st_mtim.tv_sec == n->manifest.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == n->manifest.st_mtim.tv_nsec)
        return 0;
    n->manifest = now;
    if (capture_open_read(&capture, source->path, err) != 0)
        return -1;
    g = capture_find(capture, 0);
    found = g != NULL && g->id > source->generation;
    capture_free(capture);
    return found;
}
