#include "diff/diff_examples.h"

#include <stdlib.h>

#include "base/array.h"

/* Those whose place is known are worth more; there are as many of them as are wanted, if there are that many keys. */
int diff_examples_add(struct diff_examples *e, const struct diff_found *found, struct ft_err *err)
{
    size_t *count = found->function ? &e->functions : &e->counts[found->kind];
    struct diff_example *example;

    if (*count >= e->max)
        return 0;
    if (ARRAY_RESERVE(&e->list, &e->capacity, e->count + 1, "examples", err) != 0)
        return -1;
    example = calloc(1, sizeof(*example));
    if (example == NULL)
        return err_nomem(err, "an example");
    example->found = *found;
    if (buf_append(&example->key, found->key.p, found->key.n, err) != 0) {
        free(example);
        return -1;
    }
    example->found.key = buf_bytes(&example->key);
    if (found->c != NULL) {
        example->comparison = *found->c;
        example->found.c = &example->comparison;
    }
    e->list[e->count++] = example;
    (*count)++;
    return 0;
}

void diff_examples_release(struct diff_examples *e)
{
    for (size_t i = 0; i < e->count; i++) {
        buf_release(&e->list[i]->key);
        free(e->list[i]);
    }
    free(e->list);
}
