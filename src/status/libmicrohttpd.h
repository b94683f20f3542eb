/*
 * libmicrohttpd.h - the functions of libmicrohttpd, which is loaded when a status page is wanted (base/late_library.h).
 *
 * Use          libmicrohttpd_load, then libmicrohttpd.MHD_start_daemon() and so on.
 * Threads      Any.
 */
#ifndef FLOWTAPE_STATUS_LIBMICROHTTPD_H
#define FLOWTAPE_STATUS_LIBMICROHTTPD_H

#include <microhttpd.h>

#include "base/late_library.h"

/* clang-format off */
#define LIBMICROHTTPD_FUNCTIONS(F) \
    F(MHD_add_response_header) F(MHD_create_response_from_buffer) F(MHD_destroy_response) F(MHD_get_version) \
    F(MHD_is_feature_supported) F(MHD_lookup_connection_value) F(MHD_queue_response) F(MHD_start_daemon) \
    F(MHD_stop_daemon)
/* clang-format on */

struct libmicrohttpd {
    LIBMICROHTTPD_FUNCTIONS(LATE_MEMBER)
};

extern struct libmicrohttpd libmicrohttpd;

/* libmicrohttpd_load - as late_library_load. */
int libmicrohttpd_load(struct ft_err *err);

#endif
