#include "cmd/tls_args.h"

#include "cmd/ui.h"

#define FIELD(name) offsetof(struct tls_options, name)

static const struct arg both_args[] = {
    {"tls-ca", "FILE",
     "trusted certificates (PEM, or a directory of them), for\n"
     "addresses like rediss:// (default: those of the system)",
     FIELD(ca), NULL},
    {"tls-cert", "FILE", "own certificate, for servers that want one", FIELD(cert), NULL},
    {"tls-key", "FILE", "its key (default: in the same file)", FIELD(key), NULL},
    {"tls-server-name", "NAME",
     "whom the server's certificate must be for (default: the\n"
     "host of the address), of a cluster that of each node",
     FIELD(server_name), NULL},
    {"tls-insecure", NULL, "take any certificate: who is there is not checked", FIELD(insecure),
     NULL},
};

/* The same for one of two servers. */
#define ONE_ARGS(before, after, whose)                                                      \
    {                                                                                       \
        {before "tls-ca" after, "FILE", "the same, " whose " only", FIELD(ca), NULL},       \
            {before "tls-cert" after, "FILE", "likewise", FIELD(cert), NULL},               \
            {before "tls-key" after, "FILE", "likewise", FIELD(key), NULL},                 \
            {before "tls-server-name" after, "NAME", "likewise", FIELD(server_name), NULL}, \
            {before "tls-insecure" after, NULL, "likewise", FIELD(insecure), NULL},         \
    }

static const struct arg source_args[] = ONE_ARGS("source-", "", "for the source");
static const struct arg target_args[] = ONE_ARGS("target-", "", "for the target");
static const struct arg a_args[] = ONE_ARGS("", "-a", "for A");
static const struct arg b_args[] = ONE_ARGS("", "-b", "for B");

static const struct arg listen_args[] = {
    {"tls-cert", "FILE", "speak TLS with this certificate (PEM, with its chain)", FIELD(cert),
     NULL},
    {"tls-key", "FILE", "its key (default: in the same file)", FIELD(key), NULL},
    {"tls-ca", "FILE", "clients must have a certificate that one of these issued", FIELD(ca), NULL},
};

struct arg_group args_tls(struct tls_options *into)
{
    return (struct arg_group)ARG_GROUP("TLS", both_args, into);
}

struct arg_group args_tls_source(struct tls_options *into)
{
    return (struct arg_group)ARG_GROUP(NULL, source_args, into);
}

struct arg_group args_tls_target(struct tls_options *into)
{
    return (struct arg_group)ARG_GROUP(NULL, target_args, into);
}

struct arg_group args_tls_a(struct tls_options *into)
{
    return (struct arg_group)ARG_GROUP(NULL, a_args, into);
}

struct arg_group args_tls_b(struct tls_options *into)
{
    return (struct arg_group)ARG_GROUP(NULL, b_args, into);
}

struct arg_group args_tls_listen(struct tls_options *into)
{
    return (struct arg_group)ARG_GROUP("TLS", listen_args, into);
}

bool tls_args_given(const struct tls_options *o)
{
    return o->ca != NULL || o->cert != NULL || o->key != NULL || o->server_name != NULL ||
           o->insecure;
}

void tls_args_join(struct tls_options *one, const struct tls_options *both)
{
    if (one->ca == NULL)
        one->ca = both->ca;
    if (one->cert == NULL && one->key == NULL) { /* these belong together */
        one->cert = both->cert;
        one->key = both->key;
    }
    if (one->server_name == NULL)
        one->server_name = both->server_name;
    one->insecure |= both->insecure;
}

int tls_args_apply(struct uri *u, const struct tls_options *o, struct ft_err *err)
{
    if (o->insecure && (o->ca != NULL || o->server_name != NULL))
        return err_set(err, FT_ERR_USAGE,
                       "--tls-insecure checks nothing: --tls-ca and --tls-server-name make no "
                       "sense with it");
    if (u->secure)
        return tls_new_client(&u->tls, o, err);
    if (!tls_args_given(o))
        return 0;
    return err_set(err, FT_ERR_USAGE,
                   "options of TLS, but the address does not ask for it: that would be %s://",
                   u->scheme == URI_DRAGONFLY ? "dragonflys" : "rediss");
}

void tls_args_note(const char *command, const struct uri *u, const struct tls_options *o)
{
    char name[URI_ADDRESS_SIZE];

    if (u->secure && o->insecure)
        ui_note(command,
                "warning: the certificate of %s is not checked, so anybody on the way can read "
                "and change everything, the password included",
                uri_address(u, name));
}
