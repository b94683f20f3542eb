/*
 * similar.h - which known word somebody may have meant.
 *
 * What it is   The number of letters that are missing, too many, different or swapped with their neighbour. A word is
 *              similar to another if these are few beside its length, or if it begins the other.
 */
#ifndef FLOWTAPE_BASE_SIMILAR_H
#define FLOWTAPE_BASE_SIMILAR_H

#include <stdbool.h>

#define SIMILAR_WORD_MAX 64

/* The best so far; starts as zeroes with `word` set. */
struct similar {
    const char *word;
    const char *best; /* NULL: none is similar */
    unsigned distance;
};

void similar_look(struct similar *s, const char *known);

#endif
