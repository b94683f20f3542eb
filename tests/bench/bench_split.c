/*
 * bench_split.c - splits a file of RESP commands by hash slot, for a redis-cli --pipe per node.
 *
 *   bench-split FILE NODES OUT    writes OUT.1 ... OUT.NODES
 *
 * Node i has the slots from 16384 * (i - 1) / NODES on, as start_cluster (cluster_lib.sh) gives them
 * out. A command's first argument is taken for its key; SELECT, which a cluster has not, is left
 * out. The input is what flowtape wrote: it is trusted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "item/slot.h"

#define NODES_MAX 16
#define ARG_MAX   (64u << 20)

struct command {
    char *text; /* as it came */
    size_t n;
    size_t cap;
    struct bytes args[2]; /* the first two, within text */
};

static void fail(const char *what)
{
    fprintf(stderr, "bench-split: %s\n", what);
    exit(1);
}

/* take - n more bytes of the input; where they begin in the text. */
static size_t take(struct command *c, FILE *in, size_t n)
{
    size_t at = c->n;

    if (c->cap - c->n < n) {
        c->cap = 2 * (c->cap + n);
        c->text = realloc(c->text, c->cap);
        if (c->text == NULL)
            fail("out of memory");
    }
    if (fread(c->text + at, 1, n, in) != n)
        fail("the input ends within a command");
    c->n += n;
    return at;
}

/* take_number - of a line such as "$12" or "*3". */
static size_t take_number(struct command *c, FILE *in, char mark)
{
    size_t at = take(c, in, 1);
    size_t number = 0;

    if (c->text[at] != mark)
        fail("the input is not made of commands");
    for (;;) {
        char digit = c->text[take(c, in, 1)];

        if (digit == '\r')
            break;
        number = 10 * number + (size_t)(digit - '0');
        if (number > ARG_MAX)
            fail("the input is not made of commands");
    }
    take(c, in, 1);
    return number;
}

/* read_command - false at the end of the input. */
static bool read_command(struct command *c, FILE *in)
{
    size_t at[2] = {0};
    size_t n[2] = {0};
    size_t count;
    int first = getc(in);

    if (first == EOF)
        return false;
    ungetc(first, in);
    c->n = 0;
    count = take_number(c, in, '*');
    for (size_t i = 0; i < count; i++) {
        size_t len = take_number(c, in, '$');
        size_t begin = take(c, in, len + 2);

        if (i < 2) {
            at[i] = begin;
            n[i] = len;
        }
    }
    for (size_t i = 0; i < 2; i++)
        c->args[i] = bytes_of(c->text + at[i], n[i]);
    return true;
}

static unsigned node_of(struct bytes key, unsigned nodes)
{
    const unsigned slot = slot_of(key);
    unsigned node = 0;

    while (slot >= SLOT_COUNT * (node + 1) / nodes)
        node++;
    return node;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);

    if (f == NULL)
        fail("cannot open a file");
    setvbuf(f, NULL, _IOFBF, 1u << 20);
    return f;
}

int main(int argc, char **argv)
{
    const unsigned nodes = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
    struct command c = {0};
    FILE *out[NODES_MAX];
    char path[4096];
    FILE *in;

    if (nodes < 1 || nodes > NODES_MAX) {
        fprintf(stderr, "usage: bench-split FILE NODES OUT\n");
        return 2;
    }
    in = open_file(argv[1], "r");
    for (unsigned i = 0; i < nodes; i++) {
        snprintf(path, sizeof(path), "%s.%u", argv[3], i + 1);
        out[i] = open_file(path, "w");
    }
    while (read_command(&c, in)) {
        if (!bytes_is_word(c.args[0], "SELECT"))
            fwrite(c.text, 1, c.n, out[node_of(c.args[1], nodes)]);
    }
    for (unsigned i = 0; i < nodes; i++) {
        if (fclose(out[i]) != 0)
            fail("cannot write a file");
    }
    fclose(in);
    free(c.text);
    return 0;
}
