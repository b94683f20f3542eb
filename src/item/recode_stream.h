/* recode_stream.h - streams in the version that a target reads. */
#ifndef FLOWTAPE_ITEM_RECODE_STREAM_H
#define FLOWTAPE_ITEM_RECODE_STREAM_H

#include "item/recode_impl.h"

recode_fn recode_stream;
recode_fn recode_first_stream;

#endif
