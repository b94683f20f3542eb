/*
 * glob.h - patterns as Redis has them in KEYS and SCAN: * ? [abc] [^a-z] \x. Binary-safe, letter
 * case matters. Takes at most pattern times text steps.
 * Source: redis src/util.c stringmatchlen_impl (7.2).
 */
#ifndef FLOWTAPE_BASE_GLOB_H
#define FLOWTAPE_BASE_GLOB_H

#include "base/bytes.h"

bool glob_match(struct bytes pattern, struct bytes text);

#endif
