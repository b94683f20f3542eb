/*
 * t_store.h - a capture in a scratch directory, written through the store: for tests of the store.
 *
 * Each test has a directory of its own between t_store_setup and t_store_teardown (of cmocka). What
 * goes wrong fails the test. Bytes are those of test_store.h.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_STORE_H
#define FLOWTAPE_TESTS_LIB_T_STORE_H

#include "lib/test_store.h"
#include "store/flow_reader.h"

#define T_STORE_SOURCE "10.0.0.1:6379"
#define T_STORE_REPLID "bd4c8f1f8a3d4e0fb2d4a3f5c1e6d7a8b9c0d1e2"
#define T_STORE_TOKEN  "0123456789abcdef0123456789abcdef01234567"

extern struct t_dir t_store_dir; /* the scratch directory */
extern char t_store_path[96];    /* of the capture: "cap" in it */

int t_store_setup(void **state);
int t_store_teardown(void **state);
#define T_STORE_TEST(f) cmocka_unit_test_setup_teardown(f, t_store_setup, t_store_teardown)

struct capture *t_store_open_write(void);
struct capture *t_store_open_read(void);
struct generation *t_store_begin(struct capture *c, uint32_t flows);
void t_store_save(struct capture *c);

/* t_store_start - a new segment; lsn: of its first record. */
struct segment_writer *t_store_start(const struct capture *c, const struct generation *g,
                                     uint32_t flow, enum segment_kind kind, uint64_t lsn);
/* t_store_put - a block of n bytes. */
void t_store_put(struct segment_writer *w, struct t_flow *f, uint32_t n, uint32_t records,
                 uint8_t flags);
/* t_store_put_end - the END block: token at the end, stable_lsn behind it. */
void t_store_put_end(struct segment_writer *w, struct t_flow *f, uint64_t stable_lsn);
/* t_store_finish - seals the segment, frees w and lists it. */
void t_store_finish(struct generation *g, uint32_t flow, struct segment_writer *w);

/* t_store_fill_flow - a snapshot of two segments and a journal of one; LSNs 18 to 20. */
struct t_flow t_store_fill_flow(struct capture *c, struct generation *g, uint32_t flow);

#endif
