#include "lib/t_store.h"

struct t_dir t_store_dir;
char t_store_path[96];
static uint8_t room[1 << 20];

int t_store_setup(void **state)
{
    (void)state;
    t_store_dir = t_dir_make();
    (void)snprintf(t_store_path, sizeof(t_store_path), "%s/cap", t_store_dir.path);
    return 0;
}

int t_store_teardown(void **state)
{
    (void)state;
    t_dir_remove(&t_store_dir);
    return 0;
}

struct capture *t_store_open_write(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c;

    t_ok(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err);
    return c;
}

struct capture *t_store_open_read(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;

    t_ok(capture_open_read(&c, t_store_path, &err), &err);
    return c;
}

struct generation *t_store_begin(struct capture *c, uint32_t flows)
{
    struct ft_err err = FT_ERR_INIT;
    struct generation *g;

    t_ok(capture_begin_generation(c, T_STORE_REPLID, 4, flows, &g, &err), &err);
    return g;
}

struct segment_writer *t_store_start(const struct capture *c, const struct generation *g,
                                     uint32_t flow, enum segment_kind kind, uint64_t lsn)
{
    struct ft_err err = FT_ERR_INIT;
    char name[SEGMENT_NAME_MAX];
    struct segment_id id;
    struct segment_writer *w;

    capture_segment_id(c, g, flow, kind, lsn, &id, name);
    t_ok(segment_writer_create(&w, c->dirfd, name, &id, &err), &err);
    return w;
}

void t_store_put(struct segment_writer *w, struct t_flow *f, uint32_t n, uint32_t records,
                 uint8_t flags)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_block b = t_block(f, CODEC_NONE, n, records, flags, room);

    t_ok(segment_writer_append(w, &b, 1, &err), &err);
}

void t_store_put_end(struct segment_writer *w, struct t_flow *f, uint64_t stable_lsn)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_block b = t_block(f, CODEC_NONE, 50, 0, SEGMENT_BLOCK_END, room);

    memcpy(room + 10, T_STORE_TOKEN, 40);
    b.first_lsn = stable_lsn;
    t_ok(segment_writer_append(w, &b, 1, &err), &err);
    f->kind = SEGMENT_JOURNAL;
    f->lsn = stable_lsn;
}

void t_store_finish(struct generation *g, uint32_t flow, struct segment_writer *w)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_info info;

    t_ok(segment_writer_seal(w, &info, &err), &err);
    segment_writer_free(w);
    t_ok(capture_add_segment(g, flow, &info, &err), &err);
}

void t_store_save(struct capture *c)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(capture_save(c, &err), &err);
}

struct t_flow t_store_fill_flow(struct capture *c, struct generation *g, uint32_t flow)
{
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, UINT64_C(1700000000000000)};
    struct segment_writer *w = t_store_start(c, g, flow, SEGMENT_SNAPSHOT, 0);

    t_store_put(w, &f, 1000, 0, 0);
    t_store_finish(g, flow, w);
    w = t_store_start(c, g, flow, SEGMENT_SNAPSHOT, 0);
    t_store_put(w, &f, 500, 0, 0);
    t_store_put_end(w, &f, 18);
    t_store_finish(g, flow, w);
    w = t_store_start(c, g, flow, SEGMENT_JOURNAL, 18);
    t_store_put(w, &f, 300, 3, 0);
    t_store_finish(g, flow, w);
    return f;
}
