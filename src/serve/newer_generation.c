#include "serve/newer_generation.h"

#include "input/input_newest.h"

int newer_generation_look(struct newer_generation *n, const struct source *source,
                          struct ft_err *err)
{
    struct input_newest newest;
    struct stat now;
    int found;

    if (!source_stamp(source, &now))
        return 0; /* being replaced, or gone: the segments will tell */
    if (now.st_ino == n->manifest.st_ino && now.st_mtim.tv_sec == n->manifest.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == n->manifest.st_mtim.tv_nsec)
        return 0;
    n->manifest = now;
    if (input_newest_of(source->path, 0, &newest, err) != 0)
        return -1;
    found = newest.generation > source->generation;
    input_newest_release(&newest);
    return found;
}
