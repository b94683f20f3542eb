#include "base/json_tree.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * The library takes a token that it could not store for a bad one, or for a shorter one, and then says nothing. So
 * its allocations are watched.
 */
static _Thread_local bool lacked_memory;
static atomic_bool something_lost; /* in any thread, ever */

static void *watched_malloc(size_t n)
{
    void *p = malloc(n);

    lacked_memory = lacked_memory || p == NULL;
    if (p == NULL)
        atomic_store(&something_lost, true);
    return p;
}

static void watch_allocations(void)
{
    json_set_alloc_funcs(watched_malloc, free);
}

void json_tree_watch(void)
{
    static pthread_once_t watched = PTHREAD_ONCE_INIT;

    (void)pthread_once(&watched, watch_allocations); /* cannot fail with a valid control */
}

int json_tree_load(json_t **ret, struct bytes text, size_t flags, struct ft_err *err)
{
    json_error_t cause;
    json_t *json;

    json_tree_watch();
    lacked_memory = false;
    json = json_loadb((const char *)text.p, text.n, flags, &cause);
    if (lacked_memory) {
        json_decref(json);
        return err_nomem(err, "reading JSON");
    }
    if (json == NULL)
        return err_set(err, FT_ERR_CORRUPT, "line %d is not JSON: %s", cause.line, cause.text);
    *ret = json;
    return 0;
}

int json_tree_is_whole(struct ft_err *err)
{
    return atomic_load(&something_lost) ? err_nomem(err, "JSON") : 0;
}
