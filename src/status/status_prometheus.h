/*
 * status_prometheus.h - a status as Prometheus scrapes it.
 *
 * Source       prometheus.io/docs/instrumenting/exposition_formats: the text format 0.0.4.
 */
#ifndef FLOWTAPE_STATUS_STATUS_PROMETHEUS_H
#define FLOWTAPE_STATUS_STATUS_PROMETHEUS_H

#include "base/buf.h"
#include "status/status.h"

#define STATUS_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* status_put_prometheus - all of it, each metric with its help and type. */
int status_put_prometheus(struct buf *out, const struct status *s, struct ft_err *err);

#endif
