#include "diff/diff_functions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "item/function_library.h"

void diff_functions_init(struct diff_functions *f)
{
    *f = (struct diff_functions){.masters = {1, 1}};
    (void)pthread_mutex_init(&f->mu, NULL); /* default attributes: cannot fail on Linux */
}

static struct diff_library *find(struct diff_functions *f, struct bytes name, struct ft_err *err)
{
    struct diff_library l = {.name = ""};

    (void)bytes_escape(name, l.name, sizeof(l.name));
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->libraries[i].name, l.name) == 0)
            return &f->libraries[i];
    }
    if (ARRAY_RESERVE(&f->libraries, &f->capacity, f->count + 1, "libraries of functions", err) !=
        0)
        return NULL;
    f->libraries[f->count] = l;
    return &f->libraries[f->count++];
}

void diff_functions_begin(struct diff_functions *f, enum diff_of of, unsigned masters)
{
    pthread_mutex_lock(&f->mu);
    f->masters[of] = masters;
    f->hidden[of] = false;
    for (size_t i = 0; i < f->count; i++) {
        f->libraries[i].copies[of] = 0;
        f->libraries[i].torn[of] = false;
    }
    pthread_mutex_unlock(&f->mu);
}

void diff_functions_hide(struct diff_functions *f, enum diff_of of)
{
    pthread_mutex_lock(&f->mu);
    f->hidden[of] = true;
    pthread_mutex_unlock(&f->mu);
}

int diff_functions_add(struct diff_functions *f, enum diff_of of, struct bytes code,
                       struct ft_err *err)
{
    struct value_digest digest = {0};
    struct diff_library *l;

    value_digest_follow(&digest, 0, code);
    pthread_mutex_lock(&f->mu);
    l = find(f, function_library_name(code), err);
    if (l != NULL) {
        if (l->copies[of] != 0 && !value_digest_eq(&l->code[of], &digest))
            l->torn[of] = true;
        l->code[of] = digest;
        l->copies[of]++;
    }
    pthread_mutex_unlock(&f->mu);
    return l == NULL ? -1 : 0;
}

enum difference diff_functions_kind(const struct diff_functions *f, const struct diff_library *l)
{
    if (f->hidden[DIFF_A] || f->hidden[DIFF_B] ||
        (l->copies[DIFF_A] == 0 && l->copies[DIFF_B] == 0))
        return DIFFERENCE_NONE;
    if (l->copies[DIFF_A] == 0)
        return DIFFERENCE_ONLY_B;
    if (l->copies[DIFF_B] == 0)
        return DIFFERENCE_ONLY_A;
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        if (l->torn[of] || l->copies[of] < f->masters[of])
            return DIFFERENCE_VALUE;
    }
    return value_digest_eq(&l->code[DIFF_A], &l->code[DIFF_B]) ? DIFFERENCE_NONE : DIFFERENCE_VALUE;
}

bool diff_functions_unknown(const struct diff_functions *f, enum diff_of of)
{
    enum diff_of other = of == DIFF_A ? DIFF_B : DIFF_A;
    bool any = f->hidden[other];

    for (size_t i = 0; i < f->count; i++)
        any |= f->libraries[i].copies[other] != 0;
    return f->hidden[of] && any;
}

void diff_functions_release(struct diff_functions *f)
{
    free(f->libraries);
    (void)pthread_mutex_destroy(&f->mu);
}
