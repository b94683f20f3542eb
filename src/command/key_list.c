#include "command/key_list.h"

#include <stdlib.h>

#include "base/array.h"

static bool grow(struct key_list *list)
{
    struct ft_err err = FT_ERR_INIT;

    return ARRAY_RESERVE(&list->keys, &list->cap, list->count + 1, "a list of keys", &err) == 0;
}

void key_list_push(struct key_list *list, const struct bytes *args, size_t arg)
{
    if (list->count == list->cap && !grow(list)) {
        list->failed = true;
        return;
    }
    list->keys[list->count++] =
        (struct translation_key){.db = list->db, .key = args[arg], .arg = arg};
}

void key_list_clear(struct key_list *list, uint32_t db)
{
    list->count = 0;
    list->db = db;
    list->failed = false;
}

void key_list_release(struct key_list *list)
{
    free(list->keys);
    *list = (struct key_list){0};
}
