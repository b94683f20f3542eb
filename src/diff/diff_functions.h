/*
 * diff_functions.h - the libraries of functions of both sides, by name.
 *
 * What it is   A library has the name that its first line gives it ("#!lua name=mylib"); its code counts as it is. Every
 *              master of a cluster has to have the same.
 * Threads      diff_functions_add locks.
 */
#ifndef FLOWTAPE_DIFF_DIFF_FUNCTIONS_H
#define FLOWTAPE_DIFF_DIFF_FUNCTIONS_H

#include <pthread.h>

#include "diff/diff_rules.h"
#include "rdb/digest.h"

#define DIFF_FUNCTION_NAME_SIZE 128

struct diff_library {
    char name[DIFF_FUNCTION_NAME_SIZE]; /* cut */
    struct value_digest code[DIFF_SIDES];
    unsigned copies[DIFF_SIDES]; /* 0: it has none */
    bool torn[DIFF_SIDES];       /* its masters have several */
};

struct diff_functions {
    pthread_mutex_t mu;
    struct diff_library *libraries;
    size_t count;
    size_t capacity;
    unsigned masters[DIFF_SIDES]; /* that should have each; 1 of a file */
    bool hidden[DIFF_SIDES];      /* a side does not show them */
};

void diff_functions_init(struct diff_functions *f);
/* diff_functions_begin - a side of so many masters is read, perhaps once more. */
void diff_functions_begin(struct diff_functions *f, enum diff_of of, unsigned masters);
/* diff_functions_hide - a side may have some, but does not show them. */
void diff_functions_hide(struct diff_functions *f, enum diff_of of);
int diff_functions_add(struct diff_functions *f, enum diff_of of, struct bytes code,
                       struct ft_err *err);
/* diff_functions_kind - DIFFERENCE_NONE, ONLY_A, ONLY_B or VALUE. */
enum difference diff_functions_kind(const struct diff_functions *f, const struct diff_library *l);
/* diff_functions_unknown - this side hides its libraries, and the other one has some or hides them too. */
bool diff_functions_unknown(const struct diff_functions *f, enum diff_of of);
void diff_functions_release(struct diff_functions *f);

#endif
