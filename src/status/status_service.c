#include "status/status_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/shell_command.h"
#include "base/wake.h"
#include "status/status_event.h"
#include "status/status_history.h"
#include "status/status_http.h"
#include "status/status_json.h"
#include "status/status_prometheus.h"
#include "status/status_socket.h"

#define LOOK_MS    1000
#define DISK_MS    5000u
#define SAVE_MS    10000u
#define COMMAND_MS 10000u

struct status_service {
    struct status_service_options o;
    char file_name[40];
    struct status_http *http;
    struct status_socket socket;
    pthread_t thread;
    int stop_fd;
    uint64_t began_us;
    pthread_mutex_t mu;
    /* guarded by mu */
    const char *ended;
    char error[sizeof(((struct status *)0)->error)];
    struct status_note notes[STATUS_NOTES_MAX]; /* a ring */
    unsigned note_first;
    unsigned note_count;
    struct status_history history;
    struct status disk; /* its numbers of the disk, which cost a look at every file */
    bool stalled;
    /* of the thread */
    struct status_watch watch;
    uint64_t disk_ms;
    uint64_t saved_ms;
    bool opened;
    bool trouble;
};

/*
 * The status
 */

static void copy_notes(struct status_service *v, struct status *s)
{
    s->notes = calloc(v->note_count + 1u, sizeof(*s->notes));
    for (unsigned i = 0; s->notes != NULL && i < v->note_count; i++)
        s->notes[s->note_count++] = v->notes[(v->note_first + i) % STATUS_NOTES_MAX];
}

/* Under mu, so that the owner is asked by one thread at a time. */
static void fill(struct status_service *v, struct status *s)
{
    status_init(s, v->o.command);
    v->o.fill(v->o.context, s);
    s->began_us = v->began_us;
    s->ended = v->ended;
    memcpy(s->error, v->error, sizeof(s->error));
    s->dir_bytes = v->disk.dir_bytes;
    s->disk_free_bytes = v->disk.disk_free_bytes;
    s->disk_total_bytes = v->disk.disk_total_bytes;
    copy_notes(v, s);
}

static void look(struct status_service *v, struct status *s)
{
    pthread_mutex_lock(&v->mu);
    fill(v, s);
    pthread_mutex_unlock(&v->mu);
}

static char *json_text(struct status_service *v, size_t *ret_n)
{
    struct status s;
    json_t *json;
    char *text;

    look(v, &s);
    json = status_to_json(&s);
    status_release(&s);
    text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    *ret_n = text == NULL ? 0 : strlen(text);
    return text;
}

/*
 * The page
 */

static int put_json(struct buf *out, json_t *json, struct ft_err *err)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    int rc = text == NULL ? err_nomem(err, "a status") : buf_append_str(out, text, err);

    free(text);
    json_decref(json);
    return rc;
}

static int put_history(struct status_service *v, struct buf *out, struct ft_err *err)
{
    json_t *json;

    pthread_mutex_lock(&v->mu);
    json = status_history_to_json(&v->history);
    pthread_mutex_unlock(&v->mu);
    return put_json(out, json, err);
}

static int put_health(struct status_service *v, struct buf *out, unsigned *ret_status,
                      struct ft_err *err)
{
    bool stalled;

    pthread_mutex_lock(&v->mu);
    stalled = v->stalled;
    pthread_mutex_unlock(&v->mu);
    *ret_status = stalled ? 503 : 200;
    return buf_append_str(out, stalled ? "stalled\n" : "ok\n", err);
}

static int answer(void *context, const char *path, struct buf *ret, unsigned *ret_status,
                  struct ft_err *err)
{
    struct status_service *v = context;
    struct status s;
    int rc;

    if (strcmp(path, "/history.json") == 0)
        return put_history(v, ret, err);
    if (strcmp(path, "/healthz") == 0)
        return put_health(v, ret, ret_status, err);
    look(v, &s);
    if (strcmp(path, "/metrics") == 0) {
        rc = status_put_prometheus(ret, &s, err);
    } else {
        json_t *json = status_to_json(&s);

        if (json != NULL)
            json_object_set_new(json, "control", json_boolean(v->o.token != NULL));
        rc = put_json(ret, json, err);
    }
    status_release(&s);
    return rc;
}

static bool control(void *context, const char *request)
{
    struct status_service *v = context;

    return v->o.control != NULL && v->o.control(v->o.context, request);
}

/*
 * Events
 */

static void say_trouble(struct status_service *v, const char *text)
{
    if (!v->trouble)
        v->o.on_trouble(v->o.context, text);
    v->trouble = true;
}

/* A value for the shell, in single quotes. */
static int put_quoted(struct buf *out, const char *name, const char *value, struct ft_err *err)
{
    if (buf_printf(out, err, "%s='", name) != 0)
        return -1;
    for (const char *p = value; *p != '\0'; p++) {
        if ((*p == '\'' ? buf_append_str(out, "'\\''", err) : buf_append(out, p, 1, err)) != 0)
            return -1;
    }
    return buf_printf(out, err, "'; export %s\n", name);
}

/* The command learns by its environment what has happened, and can ask for more. */
static int put_command(struct buf *out, const struct status_service *v, const char *event,
                       const struct status *s, struct ft_err *err)
{
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%llu", (unsigned long long)s->pid); /* fits */
    if (put_quoted(out, "FLOWTAPE_EVENT", event, err) != 0 ||
        put_quoted(out, "FLOWTAPE_COMMAND", s->command, err) != 0 ||
        put_quoted(out, "FLOWTAPE_DIR", s->directory, err) != 0 ||
        put_quoted(out, "FLOWTAPE_PID", pid, err) != 0 ||
        put_quoted(out, "FLOWTAPE_ENDED", s->ended == NULL ? "" : s->ended, err) != 0 ||
        buf_append_str(out, v->o.on_event, err) != 0)
        return -1;
    return buf_append(out, "", 1, err);
}

/* It is short, and the last one is for the end of the run. */
static bool never(void *context)
{
    (void)context;
    return false;
}

static void run_command(struct status_service *v, const char *event, const struct status *s)
{
    struct shell_command command = {.timeout_ms = COMMAND_MS, .cancelled = never};
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    char why[800];
    int status = 0;
    int rc = put_command(&text, v, event, s, &err);

    command.text = (const char *)text.p;
    if (rc == 0)
        rc = shell_command_run(&command, &status, &err);
    if (rc != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)snprintf(why, sizeof(why), "the command of --on-event failed for \"%s\"%s%.600s",
                       event, rc == 0 ? "" : ": ", rc == 0 ? "" : err.msg);
        say_trouble(v, why);
    }
    buf_release(&text);
}

static void tell_events(struct status_service *v, const struct status *s, uint64_t now_ms)
{
    enum status_event events[EVENT_COUNT];
    size_t n = status_watch_look(&v->watch, s, now_ms, events);

    pthread_mutex_lock(&v->mu);
    v->stalled = v->watch.stalled;
    pthread_mutex_unlock(&v->mu);
    for (size_t i = 0; v->o.on_event != NULL && i < n; i++)
        run_command(v, status_event_name(events[i]), s);
}

/*
 * The thread
 */

static void look_at_disk(struct status_service *v, const struct status *s, uint64_t now_ms)
{
    struct status disk;

    if (!s->in_directory || (v->disk_ms != 0 && now_ms - v->disk_ms < DISK_MS))
        return;
    v->disk_ms = now_ms;
    status_init(&disk, v->o.command);
    memcpy(disk.directory, s->directory, sizeof(disk.directory));
    status_disk(&disk);
    pthread_mutex_lock(&v->mu);
    v->disk = disk;
    pthread_mutex_unlock(&v->mu);
}

static void save(struct status_service *v)
{
    size_t n;
    char *text = json_text(v, &n);

    if (text != NULL)
        status_socket_save(&v->socket, text, n);
    free(text);
}

static void serve_socket(struct status_service *v)
{
    size_t n;
    char *text = json_text(v, &n);

    if (text != NULL)
        status_socket_serve(&v->socket, text, n);
    free(text);
}

static void step(struct status_service *v)
{
    uint64_t now_ms = clock_mono_ms();
    struct status s;

    look(v, &s);
    if (s.in_directory && !v->opened) {
        status_socket_open(&v->socket, s.directory, v->file_name);
        v->opened = true;
    }
    look_at_disk(v, &s, now_ms);
    pthread_mutex_lock(&v->mu);
    status_history_take(&v->history, &s, now_ms);
    pthread_mutex_unlock(&v->mu);
    tell_events(v, &s, now_ms);
    if (v->opened && (s.ended != NULL || now_ms - v->saved_ms >= SAVE_MS)) {
        v->saved_ms = now_ms;
        save(v);
    }
    status_release(&s);
}

static void *service_main(void *context)
{
    struct status_service *v = context;
    uint64_t due_ms = clock_mono_ms();

    for (;;) {
        struct pollfd fds[] = {{v->stop_fd, POLLIN, 0}, {v->socket.fd, POLLIN, 0}};
        uint64_t now_ms = clock_mono_ms();
        int wait_ms = due_ms > now_ms ? (int)(due_ms - now_ms) : 0;

        (void)poll(fds, 2, wait_ms); /* interrupted: looks once more */
        if (fds[1].revents != 0)
            serve_socket(v);
        if (fds[0].revents == 0 && clock_mono_ms() < due_ms)
            continue;
        step(v);
        due_ms = clock_mono_ms() + LOOK_MS;
        if (fds[0].revents != 0)
            return NULL;
    }
}

static int begin(struct status_service *v, char ret_name[URI_ADDRESS_SIZE], struct ft_err *err)
{
    const struct status_http_options http = {.listen = v->o.listen,
                                             .names = v->o.names,
                                             .tls_cert = v->o.tls_cert,
                                             .tls_key = v->o.tls_key,
                                             .token = v->o.token,
                                             .answer = answer,
                                             .control = control,
                                             .context = v};
    int rc;

    ret_name[0] = '\0';
    if (wake_open(&v->stop_fd, err) != 0 ||
        (v->o.listen != NULL && status_http_new(&v->http, &http, ret_name, err) != 0))
        return -1;
    rc = pthread_create(&v->thread, NULL, service_main, v);
    return rc == 0 ? 0 : err_errno(err, rc, "could not start a thread");
}

static void release(struct status_service *v)
{
    status_http_free(v->http);
    status_socket_close(&v->socket);
    if (v->stop_fd >= 0)
        (void)close(v->stop_fd); /* holds nothing */
    (void)pthread_mutex_destroy(&v->mu);
    free(v);
}

int status_service_new(struct status_service **ret, const struct status_service_options *options,
                       char ret_name[URI_ADDRESS_SIZE], struct ft_err *err)
{
    struct status_service *v = calloc(1, sizeof(*v));

    if (v == NULL)
        return err_nomem(err, "a status");
    v->o = *options;
    (void)snprintf(v->file_name, sizeof(v->file_name), "%s",
                   v->o.file_name); /* fits: they are ours */
    v->stop_fd = -1;
    v->began_us = clock_wall_us();
    status_init(&v->disk, v->o.command);
    status_socket_init(&v->socket);
    (void)pthread_mutex_init(&v->mu, NULL); /* default attributes: cannot fail on Linux */
    if (begin(v, ret_name, err) != 0) {
        release(v);
        return -1;
    }
    *ret = v;
    return 0;
}

void status_service_note(struct status_service *v, const char *text)
{
    unsigned at;

    if (v == NULL)
        return;
    pthread_mutex_lock(&v->mu);
    at = (v->note_first + v->note_count) % STATUS_NOTES_MAX;
    if (v->note_count == STATUS_NOTES_MAX)
        v->note_first = (v->note_first + 1) % STATUS_NOTES_MAX;
    else
        v->note_count++;
    v->notes[at].time_us = clock_wall_us();
    (void)snprintf(v->notes[at].text, STATUS_NOTE_SIZE, "%s", text); /* a longer one is cut */
    pthread_mutex_unlock(&v->mu);
}

void status_service_end(struct status_service *v, const char *ended, const char *error)
{
    if (v == NULL)
        return;
    pthread_mutex_lock(&v->mu);
    v->ended = ended;
    (void)snprintf(v->error, sizeof(v->error), "%s", error == NULL ? "" : error); /* likewise */
    pthread_mutex_unlock(&v->mu);
    (void)wake_set(v->stop_fd);
    (void)pthread_join(v->thread, NULL); /* joined only here */
    if (v->o.forget && error == NULL)
        status_socket_forget(&v->socket);
    release(v);
}
