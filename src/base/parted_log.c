#include "base/parted_log.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/spool.h"

struct part {
    uint8_t *block; /* the records that are not in the spool; NULL: none yet */
    size_t block_count;
    uint64_t *offsets; /* of the blocks in the spool */
    size_t offset_count;
};

struct parted_log {
    struct parted_log_options o;
    pthread_mutex_t mu;
    struct spool spool;
    struct part parts[PARTED_LOG_PARTS];
};

int parted_log_new(struct parted_log **ret, const struct parted_log_options *options,
                   struct ft_err *err)
{
    struct parted_log *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_nomem(err, options->what);
    l->o = *options;
    (void)pthread_mutex_init(&l->mu, NULL); /* default attributes: cannot fail on Linux */
    *ret = l;
    return 0;
}

static size_t block_bytes(const struct parted_log *l)
{
    return l->o.block_records * l->o.record_bytes;
}

static int write_block(struct parted_log *l, struct part *p, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&p->offsets, p->offset_count, l->o.what, err) != 0)
        return -1;
    p->offsets[p->offset_count++] = spool_size(&l->spool);
    p->block_count = 0;
    return spool_append(&l->spool, p->block, block_bytes(l), err);
}

static int put(struct parted_log *l, const uint8_t *record, struct ft_err *err)
{
    struct part *p = &l->parts[record[l->o.part_byte]];

    if (p->block == NULL && (p->block = malloc(block_bytes(l))) == NULL)
        return err_nomem(err, l->o.what);
    if (p->block_count == l->o.block_records && write_block(l, p, err) != 0)
        return -1;
    memcpy(p->block + p->block_count++ * l->o.record_bytes, record, l->o.record_bytes);
    return 0;
}

int parted_log_add(struct parted_log *l, const void *records, size_t count, struct ft_err *err)
{
    const uint8_t *record = records;
    int rc = 0;

    pthread_mutex_lock(&l->mu);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = put(l, record + i * l->o.record_bytes, err);
    pthread_mutex_unlock(&l->mu);
    return rc;
}

size_t parted_log_count(const struct parted_log *l, unsigned part)
{
    const struct part *p = &l->parts[part];

    return p->block_count + p->offset_count * l->o.block_records;
}

int parted_log_read(const struct parted_log *l, unsigned part, parted_log_fn *take, void *context,
                    struct ft_err *err)
{
    const struct part *p = &l->parts[part];
    uint8_t *block = NULL;
    int rc = 0;

    if (p->offset_count != 0 && (block = malloc(block_bytes(l))) == NULL)
        return err_nomem(err, l->o.what);
    for (size_t i = 0; rc == 0 && i < p->offset_count; i++) {
        rc = spool_read(&l->spool, p->offsets[i], block, block_bytes(l), err);
        if (rc == 0)
            rc = take(context, block, l->o.block_records, err);
    }
    free(block);
    return rc == 0 && p->block_count != 0 ? take(context, p->block, p->block_count, err) : rc;
}

void parted_log_free(struct parted_log *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < PARTED_LOG_PARTS; i++) {
        free(l->parts[i].block);
        free(l->parts[i].offsets);
    }
    spool_release(&l->spool);
    (void)pthread_mutex_destroy(&l->mu);
    free(l);
}
