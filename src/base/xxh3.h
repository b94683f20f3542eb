/*
 * xxh3.h - XXH3 of libxxhash for much data at a time: by the widest instructions that the processor has, where
 * the library was built to choose. Elsewhere, and for names and keys, <xxhash.h> is as good.
 */
#ifndef FLOWTAPE_BASE_XXH3_H
#define FLOWTAPE_BASE_XXH3_H

#include "config.h"

#define XXH_NO_LONG_LONG_CHECK
#include <xxhash.h>

#ifdef HAVE_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#endif

#endif
