#include "replicate/replicate_service.h"

#include <stdio.h>
#include <unistd.h>

#include "base/wake.h"

static void take_place(void *context, const struct serve_place *place)
{
    struct replicate_service *s = context;

    pthread_mutex_lock(&s->mu);
    (void)snprintf(s->id, sizeof(s->id), "%s", place->replication_id); /* fits */
    s->port = place->port;
    s->ready = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mu);
}

static void *serve_main(void *context)
{
    struct replicate_service *s = context;
    int rc = serve_run(&s->options, &s->progress, &s->result, &s->err);

    pthread_mutex_lock(&s->mu);
    s->rc = rc;
    s->ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mu);
    return NULL;
}

static int wait_until_ready(struct replicate_service *s, struct ft_err *err)
{
    bool ready;

    pthread_mutex_lock(&s->mu);
    while (!s->ready && !s->ended)
        (void)pthread_cond_wait(&s->changed, &s->mu); /* no deadline: cannot fail */
    ready = s->ready;
    pthread_mutex_unlock(&s->mu);
    return ready ? 0 : replicate_service_check(s, err);
}

int replicate_service_start(struct replicate_service *s, const struct serve_options *options,
                            struct ft_err *err)
{
    int rc;

    *s = (struct replicate_service){.options = *options, .err = FT_ERR_INIT};
    (void)pthread_mutex_init(&s->mu, NULL);     /* default attributes: cannot fail on Linux */
    (void)pthread_cond_init(&s->changed, NULL); /* likewise */
    s->stop_fd = -1;
    if (wake_open(&s->stop_fd, err) != 0)
        return -1;
    s->options.cancel_fd = s->stop_fd;
    s->options.on_ready = take_place;
    s->options.ready_context = s;
    rc = pthread_create(&s->thread, NULL, serve_main, s);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    s->started = true;
    return wait_until_ready(s, err);
}

int replicate_service_check(struct replicate_service *s, struct ft_err *err)
{
    bool ended;

    pthread_mutex_lock(&s->mu);
    ended = s->ended;
    pthread_mutex_unlock(&s->mu);
    if (!ended)
        return 0;
    if (s->rc != 0)
        return err_copy(err, &s->err);
    return err_set(err, FT_ERR_BUG, "the input is served no longer, and there is no reason");
}

void replicate_service_id(struct replicate_service *s, char *out)
{
    pthread_mutex_lock(&s->mu);
    memcpy(out, s->id, sizeof(s->id));
    pthread_mutex_unlock(&s->mu);
}

void replicate_service_stop(struct replicate_service *s)
{
    if (!s->started)
        return;
    (void)wake_set(s->stop_fd);
    (void)pthread_join(s->thread, NULL); /* joined only here */
    s->started = false;
}

void replicate_service_release(struct replicate_service *s)
{
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd); /* holds nothing */
    serve_result_release(&s->result);
    (void)pthread_cond_destroy(&s->changed); /* nobody waits any more */
    (void)pthread_mutex_destroy(&s->mu);     /* nobody holds it any more */
}
