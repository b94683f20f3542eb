/* tls_args.h - options that say how TLS is spoken, on either side. */
#ifndef FLOWTAPE_CMD_TLS_ARGS_H
#define FLOWTAPE_CMD_TLS_ARGS_H

#include "cmd/args.h"
#include "wire/tls.h"
#include "wire/uri.h"

/* args_tls - --tls-ca and the like; of a command with two servers they are for both. */
struct arg_group args_tls(struct tls_options *into);
/* args_tls_source, _target, _a, _b - for one of them: --source-tls-ca, --tls-ca-a. */
struct arg_group args_tls_source(struct tls_options *into);
struct arg_group args_tls_target(struct tls_options *into);
struct arg_group args_tls_a(struct tls_options *into);
struct arg_group args_tls_b(struct tls_options *into);
/* args_tls_listen - of a server: certificate, key, and a CA for certificates of clients. */
struct arg_group args_tls_listen(struct tls_options *into);

/* tls_args_given - any of them. */
bool tls_args_given(const struct tls_options *o);
/* tls_args_join - what `one` does not say is as `both` says it. */
void tls_args_join(struct tls_options *one, const struct tls_options *both);
/* tls_args_apply - to an address that was parsed. FT_ERR_USAGE. */
int tls_args_apply(struct uri *u, const struct tls_options *o, struct ft_err *err);
/* tls_args_note - that anybody may be at the other end, if it was asked for. */
void tls_args_note(const char *command, const struct uri *u, const struct tls_options *o);

#endif
