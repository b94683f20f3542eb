/*
 * codec.h - compression behind one interface.
 *
 * Two uses     Blocks of our segment files: one buffer in, one buffer out, sizes known
 *              (codec_block_*). Blobs inside a Dragonfly stream: one whole LZ4 frame or ZSTD frame,
 *              fed and drained piecewise, so that memory does not depend on what the peer claims
 *              (struct frame_decoder).
 * Formats      LZ4 blocks: raw LZ4 block format (lz4 doc/lz4_Block_format.md). ZSTD blocks: one
 *              frame. LZ4 frames: lz4 doc/lz4_Frame_format.md 1.6.
 * Threads      An object belongs to one thread; the block functions are free of state.
 */
#ifndef FLOWTAPE_CODEC_CODEC_H
#define FLOWTAPE_CODEC_CODEC_H

#include "base/buf.h"

enum codec_id {
    CODEC_NONE = 0, /* the numbers are part of the segment format */
    CODEC_LZ4 = 1,
    CODEC_ZSTD = 2,
};
#define CODEC_COUNT 3

struct codec_spec {
    enum codec_id id;
    int level; /* zstd only; 0: its default */
};

/* codec_name - "none", "lz4", "zstd"; NULL for an unknown number. */
const char *codec_name(unsigned id);
/* codec_parse - "none", "lz4", "zstd", "zstd:9". FT_ERR_USAGE names the choices. */
int codec_parse(const char *text, struct codec_spec *ret_spec, struct ft_err *err);

/* codec_block_bound - the most that codec_block_compress may write for n bytes. */
size_t codec_block_bound(const struct codec_spec *spec, size_t n);
/* codec_block_compress - *ret_n = 0 when it does not shrink (store it raw then). Not for NONE. */
int codec_block_compress(const struct codec_spec *spec, struct bytes in, uint8_t *out,
                         size_t out_size, size_t *ret_n, struct ft_err *err);
/* codec_block_decompress - must give exactly out_size bytes, else FT_ERR_CORRUPT. NONE copies. */
int codec_block_decompress(enum codec_id id, struct bytes in, uint8_t *out, size_t out_size,
                           struct ft_err *err);

/* codec_frame_make - append one whole frame to out, which says how much it holds. Not for NONE. */
int codec_frame_make(enum codec_id id, struct bytes in, struct buf *out, struct ft_err *err);

struct frame_decoder;

int frame_decoder_new(struct frame_decoder **ret, enum codec_id id, struct ft_err *err);
/* frame_decoder_reset - ready for the next frame, also after a half-read one. */
void frame_decoder_reset(struct frame_decoder *d);
/*
 * frame_decoder_run - decompress from *in (advanced) into out. Returns STEP_MORE: all input taken
 * or the output is full, call again; STEP_END: the frame is complete (bytes of *in after it are
 * left there); STEP_ERROR: FT_ERR_CORRUPT. *ret_n is always the number of bytes produced, also with
 * STEP_END.
 */
enum step frame_decoder_run(struct frame_decoder *d, struct bytes *in, uint8_t *out,
                            size_t out_size, size_t *ret_n, struct ft_err *err);
void frame_decoder_free(struct frame_decoder *d);

#endif
