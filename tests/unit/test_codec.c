#include <lz4frame.h>
#include <stdlib.h>
#include <zstd.h>

#include "codec/codec.h"
#include "lib/test_main.h"

#define TEXT_SIZE  5000
#define FRAME_SIZE (80u << 10) /* what the libraries want to see as room */

static void make_text(uint8_t text[TEXT_SIZE])
{
    for (unsigned i = 0; i < TEXT_SIZE; i++)
        text[i] = (uint8_t)("flow tape "[i % 10] + i / 1000);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(codec_name(CODEC_NONE), "none");
    assert_string_equal(codec_name(CODEC_LZ4), "lz4");
    assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
    assert_null(codec_name(CODEC_COUNT));
}

static void test_parse(void **state)
{
    struct codec_spec spec = {CODEC_NONE, 77};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(codec_parse("lz4", &spec, &err), &err);
    assert_int_equal(spec.id, CODEC_LZ4);
    assert_int_equal(spec.level, 0);
    t_ok(codec_parse("zstd:9", &spec, &err), &err);
    assert_int_equal(spec.id, CODEC_ZSTD);
    assert_int_equal(spec.level, 9);
    t_fails(codec_parse("zstd:", &spec, &err), &err, FT_ERR_USAGE, "not a zstd level");
    t_fails(codec_parse("zstd:99", &spec, &err), &err, FT_ERR_USAGE, "\"99\"");
    t_fails(codec_parse("lz4:1", &spec, &err), &err, FT_ERR_USAGE, "zstd:LEVEL");
    t_fails(codec_parse("gzip", &spec, &err), &err, FT_ERR_USAGE, "\"gzip\"");
    assert_int_equal(spec.level, 9); /* untouched */
}

static void check_block(struct codec_spec spec)
{
    uint8_t text[TEXT_SIZE];
    uint8_t back[TEXT_SIZE];
    size_t bound = codec_block_bound(&spec, TEXT_SIZE);
    uint8_t *packed = malloc(bound);
    struct ft_err err = FT_ERR_INIT;
    size_t n = 0;

    assert_non_null(packed);
    make_text(text);
    t_ok(codec_block_compress(&spec, bytes_of(text, TEXT_SIZE), packed, bound, &n, &err), &err);
    assert_in_range(n, 1, TEXT_SIZE / 4);
    t_ok(codec_block_decompress(spec.id, bytes_of(packed, n), back, TEXT_SIZE, &err), &err);
    assert_memory_equal(text, back, TEXT_SIZE);

    t_fails(codec_block_decompress(spec.id, bytes_of(packed, n), back, TEXT_SIZE - 1, &err), &err,
            FT_ERR_CORRUPT, "4999 bytes");
    t_fails(codec_block_decompress(spec.id, bytes_of(packed, n - 1), back, TEXT_SIZE, &err), &err,
            FT_ERR_CORRUPT, "does not decompress");

    t_ok(codec_block_compress(&spec, bytes_of("abc", 3), packed, bound, &n, &err), &err);
    assert_int_equal(n, 0); /* does not shrink */
    t_ok(codec_block_compress(&spec, bytes_of(text, TEXT_SIZE), packed, 8, &n, &err), &err);
    assert_int_equal(n, 0); /* does not fit */
    free(packed);
}

static void test_blocks(void **state)
{
    (void)state;
    check_block((struct codec_spec){CODEC_LZ4, 0});
    check_block((struct codec_spec){CODEC_ZSTD, 0});
    check_block((struct codec_spec){CODEC_ZSTD, 12});
}

static void test_none(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint8_t back[3];

    (void)state;
    t_ok(codec_block_decompress(CODEC_NONE, bytes_of("abc", 3), back, 3, &err), &err);
    assert_memory_equal(back, "abc", 3);
    t_fails(codec_block_decompress(CODEC_NONE, bytes_of("ab", 2), back, 3, &err), &err,
            FT_ERR_CORRUPT, "wanted 3");
    t_fails(codec_block_decompress((enum codec_id)9, bytes_of("ab", 2), back, 3, &err), &err,
            FT_ERR_UNSUPPORTED, "9");
}

static size_t make_frame(enum codec_id id, const uint8_t *text, uint8_t *out)
{
    size_t n = id == CODEC_LZ4 ? LZ4F_compressFrame(out, FRAME_SIZE, text, TEXT_SIZE, NULL)
                               : ZSTD_compress(out, FRAME_SIZE, text, TEXT_SIZE, 3);

    assert_in_range(n, 1, TEXT_SIZE);
    return n;
}

/* Feed in_piece bytes at a time, drain out_piece bytes at a time; returns what was left over. */
static size_t decode(struct frame_decoder *d, struct bytes frame, size_t in_piece, size_t out_piece,
                     uint8_t *out)
{
    struct ft_err err = FT_ERR_INIT;
    size_t at = 0;

    for (;;) {
        struct bytes in = bytes_of(frame.p, frame.n < in_piece ? frame.n : in_piece);
        size_t offered = in.n;
        size_t room = TEXT_SIZE - at < out_piece ? TEXT_SIZE - at : out_piece;
        size_t made = 77;
        enum step step = frame_decoder_run(d, &in, out + at, room, &made, &err);

        if (step == STEP_ERROR)
            fail_msg("%s", err.msg);
        at += made;
        frame.p += offered - in.n;
        frame.n -= offered - in.n;
        if (step == STEP_END)
            break;
    }
    assert_int_equal(at, TEXT_SIZE);
    return frame.n;
}

static void check_frames(enum codec_id id)
{
    static const size_t pieces[] = {1, 3, 100, TEXT_SIZE};
    uint8_t text[TEXT_SIZE];
    uint8_t out[TEXT_SIZE];
    uint8_t *frame = malloc(FRAME_SIZE);
    struct ft_err err = FT_ERR_INIT;
    struct frame_decoder *d = NULL;
    struct bytes in;
    size_t made;
    size_t n;

    assert_non_null(frame);
    make_text(text);
    n = make_frame(id, text, frame);
    memcpy(frame + n, "rest", 4);
    t_ok(frame_decoder_new(&d, id, &err), &err);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < 4; j++) {
            size_t left = decode(d, bytes_of(frame, n + 4), pieces[i], pieces[j], out);

            assert_int_equal(left, 4);
            assert_memory_equal(out, text, TEXT_SIZE);
            frame_decoder_reset(d);
        }
    }
    in = bytes_of(frame, n / 2);
    assert_int_equal(frame_decoder_run(d, &in, out, TEXT_SIZE, &made, &err), STEP_MORE);
    frame_decoder_reset(d); /* in the middle of a frame */
    assert_int_equal(decode(d, bytes_of(frame, n), n, TEXT_SIZE, out), 0);

    frame_decoder_reset(d);
    frame[1] ^= 0xff;
    in = bytes_of(frame, n);
    assert_int_equal(frame_decoder_run(d, &in, out, TEXT_SIZE, &made, &err), STEP_ERROR);
    assert_int_equal(err.kind, FT_ERR_CORRUPT);
    frame_decoder_free(d);
    free(frame);
}

static void test_lz4_frames(void **state)
{
    (void)state;
    check_frames(CODEC_LZ4);
}

static void test_zstd_frames(void **state)
{
    (void)state;
    check_frames(CODEC_ZSTD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_parse),
        cmocka_unit_test(test_blocks),     cmocka_unit_test(test_none),
        cmocka_unit_test(test_lz4_frames), cmocka_unit_test(test_zstd_frames),
    };

    return T_RUN("codec/codec", tests);
}
