/*
 * Files of lines: replay/position/key_lines.h (keys to be repaired), store/archived_list.h (segments that were
 * archived). Input: which, the file.
 */
#include "fuzz/fuzz.h"
#include "replay/position/key_lines.h"
#include "store/archived_list.h"

static int take_key(void *context, uint32_t db, struct bytes key, struct ft_err *err)
{
    static volatile uint8_t sum;

    (void)db;
    (void)err;
    for (size_t i = 0; i < key.n; i++)
        sum = (uint8_t)(sum + key.p[i]);
    ++*(size_t *)context;
    return 0;
}

/* What is only checked is what is then taken. */
static void read_keys(struct bytes in)
{
    struct ft_err err = FT_ERR_INIT;
    size_t taken = 0;
    char path[400];
    int checked;

    fuzz_file(fuzz_directory(), "keys", in);
    (void)snprintf(path, sizeof(path), "%s/keys", fuzz_directory());
    checked = key_lines_each(path, NULL, NULL, &err);
    fuzz_result(checked, &err);
    err_clear(&err);
    fuzz_must(key_lines_each(path, take_key, &taken, &err) == checked);
}

/* Something can be added to any list, and is then on it. */
static void read_archived(struct bytes in)
{
    struct ft_err err = FT_ERR_INIT;
    struct archived_list list = {.fd = -1};
    bool held = false;
    int dirfd;

    fuzz_file(fuzz_directory(), ARCHIVED_LIST_NAME, in);
    dirfd = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fuzz_must(dirfd >= 0);
    if (archived_list_open(&list, dirfd, &held, &err) == 0) {
        fuzz_must(archived_list_add(&list, "gen-0001/some.seg", 7, &err) == 0);
        archived_list_release(&list);
        fuzz_must(archived_list_names(dirfd, "gen-0001/some.seg", 7));
    } else {
        fuzz_error(&err);
    }
    close(dirfd);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);

    if (fuzz_byte(&in) % 2 == 0)
        read_keys(in);
    else
        read_archived(in);
    return 0;
}
