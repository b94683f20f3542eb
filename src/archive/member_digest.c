#include "archive/member_digest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xxh3.h"

#define DIGEST_BYTES 16
/* The digits and two spaces. */
#define NAME_COLUMN (2 * DIGEST_BYTES + 2)

int member_digest_init(struct member_digest *d, struct ft_err *err)
{
    *d = (struct member_digest){.state = XXH3_createState()};
    return d->state != NULL ? 0 : err_nomem(err, "a digest");
}

void member_digest_begin(struct member_digest *d)
{
    (void)XXH3_128bits_reset(d->state); /* a valid state */
}

void member_digest_add(struct member_digest *d, struct bytes piece)
{
    (void)XXH3_128bits_update(d->state, piece.p, piece.n); /* likewise */
}

int member_digest_end(struct member_digest *d, const char *name, struct ft_err *err)
{
    XXH128_canonical_t digest;
    char hex[2 * DIGEST_BYTES + 1];

    XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(d->state));
    bytes_to_hex(bytes_of(digest.digest, DIGEST_BYTES), hex);
    return buf_printf(&d->list, err, "%s  %s\n", hex, name);
}

const char *member_digest_differs(struct member_digest *d, struct bytes list)
{
    size_t at = 0;

    if (bytes_eq(buf_bytes(&d->list), list))
        return NULL;
    while (at < d->list.n) {
        uint8_t *end = memchr(d->list.p + at, '\n', d->list.n - at);
        size_t n = (size_t)(end - d->list.p) - at + 1;

        if (list.n < at + n || memcmp(list.p + at, d->list.p + at, n) != 0) {
            *end = '\0';
            return (const char *)d->list.p + at + NAME_COLUMN;
        }
        at += n;
    }
    return PACKED_DIGESTS;
}

void member_digest_release(struct member_digest *d)
{
    (void)XXH3_freeState(d->state); /* takes NULL */
    buf_release(&d->list);
    d->state = NULL;
}
