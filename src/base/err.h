/*
 * err.h - the one error type, from socket to exit status.
 *
 * What it is   A kind the caller can act on, a position, and a sentence for the user.
 * Use          Functions that can fail take `struct ft_err *err` last and return -1 (or
 *              STEP_ERROR) after filling it; err is never NULL and is untouched on success.
 *              Each layer on the way up adds context once with err_wrap.
 * Wording      Lower case, no full stop, no function names. "could not" when it may work next
 *              time, "cannot" when it never will. Names are quoted, values are shown.
 * Threads      A struct ft_err belongs to one thread.
 */
#ifndef FLOWTAPE_BASE_ERR_H
#define FLOWTAPE_BASE_ERR_H

#include <stdint.h>

enum ft_err_kind {
    FT_ERR_NONE = 0,
    FT_ERR_USAGE,       /* the caller or command line is wrong; retrying is pointless */
    FT_ERR_NOMEM,       /* an allocation failed, or the file in place of one */
    FT_ERR_IO,          /* local file or device; sys_errno says why */
    FT_ERR_NET,         /* peer unreachable or connection lost; a retry may succeed */
    FT_ERR_TIMEOUT,     /* as FT_ERR_NET, but nothing was heard */
    FT_ERR_PROTOCOL,    /* the peer said something the protocol does not allow, or refused */
    FT_ERR_CORRUPT,     /* the bytes contradict the format, or end too early */
    FT_ERR_UNSUPPORTED, /* the bytes are well formed but newer than this program */
    FT_ERR_LIMIT,       /* a configured bound was exceeded */
    FT_ERR_LOSS,        /* the target cannot hold something and the policy is to fail */
    FT_ERR_STATE, /* things are in a state in which this cannot be done; the user may change it */
    FT_ERR_CANCELLED, /* the user or the program asked to stop */
    FT_ERR_BUG,       /* our own mistake, caught before it did harm */
};

/* err->offset when a position has no meaning. */
#define FT_NO_OFFSET UINT64_MAX

struct ft_err {
    enum ft_err_kind kind;
    int sys_errno;   /* 0 unless a system call failed */
    uint64_t offset; /* where in the input, or FT_NO_OFFSET */
    char msg[640];   /* printable as is: what a file or a peer wrote into it was escaped */
};

#define FT_ERR_INIT                                 \
    {                                               \
        .kind = FT_ERR_NONE, .offset = FT_NO_OFFSET \
    }

/* Result of iterators and incremental decoders. */
enum step {
    STEP_ERROR = -1, /* *err is set; the object now accepts only _release or _free */
    STEP_END = 0,    /* clean end: every byte is accounted for */
    STEP_ITEM = 1,   /* the out-parameters are filled */
    STEP_MORE = 2,   /* fed inputs only: more bytes are needed */
};

/*
 * The setters. All return -1, so that "return err_set(...)" reads well. The first error wins: a
 * second set on the same struct is ignored. err_errno is FT_ERR_IO, but FT_ERR_NOMEM where the
 * system has no memory. err_at also appends " at offset N" to the text.
 * err_wrap prefixes "context: "; when room runs out the context is dropped and the cause kept.
 */
int err_set(struct ft_err *err, enum ft_err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_errno(struct ft_err *err, int sys_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_at(struct ft_err *err, enum ft_err_kind kind, uint64_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int err_wrap(struct ft_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* err_copy - what another thread, or a callback, has failed for. */
int err_copy(struct ft_err *err, const struct ft_err *from);

/* err_nomem - the allocation failure, named after what was to be allocated. */
int err_nomem(struct ft_err *err, const char *what);

/* err_clear - ready for the next use. */
void err_clear(struct ft_err *err);

#endif
