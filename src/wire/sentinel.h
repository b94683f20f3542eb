/*
 * sentinel.h - which server an address means at this moment.
 *
 * What it is   Most addresses name a server. One of sentinels means the master that they agree on now, and one with
 *              several hosts the first that takes a connection.
 * Sentinels    They are asked in turn for get-master-addr-by-name; one that wants a password gets that of the
 *              address, as far as there is one.
 * Errors       FT_ERR_NET: nobody answers, or none of them knows a master now. FT_ERR_PROTOCOL: they know no such name.
 */
#ifndef FLOWTAPE_WIRE_SENTINEL_H
#define FLOWTAPE_WIRE_SENTINEL_H

#include "wire/uri.h"

/* sentinel_locate - *ret has one host; then uri_release. Each may be silent for timeout_ms. */
int sentinel_locate(struct uri *ret, const struct uri *named, int cancel_fd, uint64_t timeout_ms,
                    struct ft_err *err);

#endif
