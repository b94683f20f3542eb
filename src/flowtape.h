/*
 * flowtape.h - the library: record a Dragonfly, check and convert what was recorded.
 *
 * What it is   The operations of the program, one function each, for programs that want them without a
 *              process of their own. Everything is in doc/architecture.md; the formats are in
 *              doc/format-capture.md.
 * Options      Zero-initialised structs mean the defaults of the program.
 * Errors       -1 and a filled struct ft_error. Texts are printable as they are: lower case, no full
 *              stop, no newline. No function prints.
 * Threads      Every function may be called from any thread, also at the same time for different
 *              inputs; each starts threads of its own and has joined them on return.
 */
#ifndef FLOWTAPE_H
#define FLOWTAPE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FT_API __attribute__((visibility("default")))
#else
#define FT_API
#endif

enum ft_error_class {
    FT_OK = 0,
    FT_FAILED,  /* local: files, memory */
    FT_USAGE,   /* an argument is wrong */
    FT_CORRUPT, /* the input is damaged or newer than this library, or something would be lost */
    FT_PEER,    /* the source or the network */
    FT_STOPPED, /* as asked; what was stored is valid */
};

struct ft_error {
    enum ft_error_class error_class;
    uint64_t offset; /* in the input; UINT64_MAX when it has no meaning */
    char text[640];
};

/* ft_version - "0.1.0". */
FT_API const char *ft_version(void);

struct ft_capture_options {
    const char *password; /* NULL: the one in the URI, if any */
    int snapshot_only;    /* end when all flows have their snapshot */
    int until_caught_up;  /* end when everything the source has had is durable */
    uint64_t duration_ms; /* 0: no end */
    int stop_fd;          /* readable: stop; 0 or -1: never */
};

struct ft_capture_result {
    uint64_t bytes; /* of the streams */
    uint64_t keys;  /* of the newest snapshot */
    uint64_t records;
    uint32_t sessions;
    int valid; /* the directory holds a complete generation */
};

/* ft_capture - record SOURCE ("dragonfly://host:port") into a capture directory, new or to be
 * continued. */
FT_API int ft_capture(const char *source, const char *directory,
                      const struct ft_capture_options *options, struct ft_capture_result *ret,
                      struct ft_error *err);

struct ft_convert_options {
    const char *redis;        /* version that will load it: "6.2", "valkey-8.0"; NULL: 7.0 */
    const char *at;           /* captures: "snapshot", "end", a time, LSNs; NULL: end */
    const char *redis_server; /* program that applies the journal; NULL: "redis-server" */
    int skip_losses;          /* write what can be kept; else a loss is FT_CORRUPT and no file */
    int drop_expired;
};

struct ft_convert_result {
    uint64_t keys;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t losses;
};

/* ft_convert_to_rdb - INPUT: a capture directory, any file of a .dfs set, an RDB file. The output
 * appears under its name only when it is complete. */
FT_API int ft_convert_to_rdb(const char *input, const char *output,
                             const struct ft_convert_options *options,
                             struct ft_convert_result *ret, struct ft_error *err);

struct ft_verify_result {
    uint64_t findings;
    uint64_t keys;
    uint64_t records;
    uint64_t bytes;
    int incomplete; /* the full sync of a capture was not finished */
};

/* ft_verify - 0 also when there are findings; -1 only when the check could not be made. on_finding
 * may be NULL; its offset is UINT64_MAX when it has no meaning. */
FT_API int ft_verify(const char *input,
                     void (*on_finding)(void *context, const char *file, uint64_t offset,
                                        const char *text),
                     void *context, struct ft_verify_result *ret, struct ft_error *err);

#ifdef __cplusplus
}
#endif

#endif
