#include "cmd/status_args.h"

#include "cmd/secret_args.h"
#include "serve/listener.h"

#define PORT_DEFAULT 9127u

static int take_listen(void *into, const char *value, struct ft_err *err)
{
    struct status_args *a = into;

    uri_release(&a->listen);
    a->listens = true;
    return listener_parse(value, PORT_DEFAULT, &a->listen, err);
}

static const struct arg status_args[] = {
    {"status-listen", "ADDRESS",
     "HOST:PORT of a page with the state of the run, and of\n"
     "its metrics for Prometheus (port 9127 unless given)",
     0, take_listen},
    {"status-name", "NAME[,NAME...]",
     "names by which the page may be asked for, besides this\n"
     "machine's name and addresses",
     offsetof(struct status_args, names), NULL},
    {"status-tls-cert", "FILE", "certificate of the page, in PEM: it is served by HTTPS",
     offsetof(struct status_args, tls_cert), NULL},
    {"status-tls-key", "FILE", "its key (default: in the same file)",
     offsetof(struct status_args, tls_key), NULL},
    {"on-event", "COMMAND",
     "run this when something happens: caught-up, stalled,\n"
     "lost, cut-over, disk-low or ended in $FLOWTAPE_EVENT",
     offsetof(struct status_args, on_event), NULL},
};

static const struct arg control_args[] = {
    {"allow-control", NULL, "the page has buttons for the cut-over",
     offsetof(struct status_args, allow_control), NULL},
    {"status-token-file", "FILE", "its first line is what the buttons ask for",
     offsetof(struct status_args, token_file), NULL},
};

struct arg_group args_status(struct status_args *into)
{
    return (struct arg_group)ARG_GROUP("Seen by others", status_args, into);
}

struct arg_group args_control(struct status_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, control_args, into);
}

int status_args_finish(struct status_args *a, struct ft_err *err)
{
    bool of_page = a->names != NULL || a->tls_cert != NULL || a->tls_key != NULL ||
                   a->allow_control || a->token_file != NULL;

    if (of_page && !a->listens)
        return err_set(err, FT_ERR_USAGE, "--status-listen is missing: there is no page");
    if (a->tls_cert == NULL && a->tls_key != NULL)
        return err_set(err, FT_ERR_USAGE, "--status-tls-key is the key of --status-tls-cert");
    if (a->allow_control != (a->token_file != NULL))
        return err_set(err, FT_ERR_USAGE,
                       "--allow-control and --status-token-file belong together");
    if (a->tls_cert != NULL || a->allow_control)
        secret_args_keep_from_cores();
    if (!a->allow_control)
        return 0;
    if (uri_find_password(&a->token, a->token_file, NULL, err) != 0)
        return err_wrap(err, "--status-token-file");
    if (a->token.password == NULL || a->token.password[0] == '\0')
        return err_set(err, FT_ERR_USAGE, "--status-token-file: \"%s\" has no first line",
                       a->token_file);
    return 0;
}

void status_args_release(struct status_args *a)
{
    uri_release(&a->listen);
    uri_release(&a->token);
}
