/*
 * comparison.h - in what two copies of a key differ, and where: for people.
 *
 * What it is   The place ("field \"mail\"", "element 17 of 200") and what each side has there, printable, cut
 *              where it is long. What only one side has is COMPARISON_MISSING on the other.
 * Rank         A difference of the value counts before one of times (entry_digest.h): who finds a difference of times
 *              goes on looking.
 */
#ifndef FLOWTAPE_AUDIT_COMPARISON_H
#define FLOWTAPE_AUDIT_COMPARISON_H

#include "audit/entry_digest.h"

#define COMPARISON_PLACE_SIZE 240
#define COMPARISON_TEXT_SIZE  160
#define COMPARISON_MISSING    "missing"

struct comparison {
    enum difference kind;
    char place[COMPARISON_PLACE_SIZE]; /* "": the whole of it */
    char a[COMPARISON_TEXT_SIZE];
    char b[COMPARISON_TEXT_SIZE];
};

struct compare_rules {
    uint64_t slack_ms; /* times may be so far apart */
    int64_t now_ms;    /* members that have ended by then are not there; VALUE_DIGEST_ALL */
};

/* comparison_set - the kind and place; returns the comparison, whose texts are still to be filled. */
struct comparison *comparison_set(struct comparison *c, enum difference kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What a side has there: "text" in quotes, text as it is, a number, an absolute time (or "none"). */
void comparison_bytes(char out[COMPARISON_TEXT_SIZE], struct bytes b);
void comparison_text(char out[COMPARISON_TEXT_SIZE], const char *text);
void comparison_number(char out[COMPARISON_TEXT_SIZE], int64_t n);
void comparison_double(char out[COMPARISON_TEXT_SIZE], double n);
void comparison_time(char out[COMPARISON_TEXT_SIZE], int64_t time_ms);

/* comparison_name - a name within a place: quoted, escaped, cut. Returns out. */
#define COMPARISON_NAME_SIZE 84
char *comparison_name(struct bytes name, char out[COMPARISON_NAME_SIZE]);

#endif
