/* What says of which files an input consists: input/aof_manifest.h and set.json (store/capture_set.h). Input: which of them,
 * the file. */
#include <sys/stat.h>

#include "fuzz/fuzz.h"
#include "input/aof_manifest.h"
#include "store/capture_set.h"

static void read_manifest(struct bytes in)
{
    struct ft_err err = FT_ERR_INIT;
    struct aof_manifest m = {0};

    fuzz_result(aof_manifest_parse(&m, in, &err), &err);
    /* of files beside it, each once */
    for (size_t i = 0; err.kind == FT_ERR_NONE && i < m.count; i++) {
        fuzz_must(m.names[i][0] != '\0' && strchr(m.names[i], '/') == NULL);
        fuzz_must(strcmp(m.names[i], ".") != 0 && strcmp(m.names[i], "..") != 0);
    }
    aof_manifest_release(&m);
}

/* What is believed is in range, and the same once more when it was written down. */
static void check_set(const struct capture_set *s, const struct capture_set *again)
{
    fuzz_must(s->node_count >= 1 && s->node_count <= CAPTURE_SET_NODES_MAX);
    fuzz_must(again->node_count == s->node_count && memcmp(again->id, s->id, sizeof(s->id)) == 0 &&
              again->created_us / 1000 == s->created_us / 1000);
    fuzz_must(again->generation_count == s->generation_count);
    for (size_t i = 0; i < s->generation_count; i++) {
        const struct set_generation *g = &s->generations[i];
        const struct set_generation *h = &again->generations[i];

        fuzz_must(h->id == g->id && h->slots_count == g->slots_count &&
                  memcmp(h->nodes, g->nodes, s->node_count * sizeof(*g->nodes)) == 0);
        for (size_t k = 0; k < g->slots_count; k++)
            fuzz_must(g->slots[k].first <= g->slots[k].last && g->slots[k].last < 16384 &&
                      g->slots[k].node < s->node_count &&
                      memcmp(&g->slots[k], &h->slots[k], sizeof(g->slots[k])) == 0);
    }
}

static void read_set(struct bytes in)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *again;
    struct capture_set *s;
    char path[400];
    int fd;

    fuzz_file(fuzz_directory(), CAPTURE_SET_FILE, in);
    if (capture_set_open_read(&s, fuzz_directory(), &err) != 0) {
        fuzz_error(&err);
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/again", fuzz_directory());
    (void)mkdir(path, 0700); /* may be there */
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fuzz_must(fd >= 0 && capture_set_write(s, 0, fd, &err) == 0 &&
              capture_set_open_read(&again, path, &err) == 0);
    check_set(s, again);
    close(fd);
    capture_set_free(again);
    capture_set_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);

    if (fuzz_byte(&in) & 1)
        read_set(in);
    else
        read_manifest(in);
    return 0;
}
