#include "wire/uri_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the hosts are in the word: `begin` to `end`. The path of a socket may hold commas. */
static void find_hosts(const char *text, size_t *begin, size_t *end)
{
    const char *scheme = strstr(text, "://");
    const char *at;

    *begin = 0;
    *end = 0;
    if (scheme == NULL || strstr(text, "-sentinel://") != NULL) /* these are one server's */
        return;
    *begin = (size_t)(scheme - text) + 3;
    at = strrchr(text + *begin, '@'); /* the last one ends the user part, as in uri_parse */
    if (at != NULL)
        *begin = (size_t)(at - text) + 1;
    *end = *begin + strcspn(text + *begin, "/?#");
}

int uri_list_split(const char *text, char ***ret, uint32_t *ret_count, struct ft_err *err)
{
    size_t begin, end;
    size_t commas = 0;
    uint32_t count = 0;
    char **words;

    find_hosts(text, &begin, &end);
    for (size_t i = begin; i < end; i++)
        commas += text[i] == ',';
    words = calloc(commas + 1, sizeof(*words));
    if (words == NULL)
        return err_nomem(err, "addresses");
    for (size_t at = begin; at <= end;) {
        size_t n = strcspn(text + at, ",");

        if (n > end - at)
            n = end - at;
        if (asprintf(&words[count], "%.*s%.*s%s", (int)begin, text, (int)n, text + at, text + end) <
            0) {
            uri_list_wipe(words, count);
            return err_nomem(err, "addresses");
        }
        count++;
        at += n + 1;
    }
    *ret = words;
    *ret_count = count;
    return 0;
}

void uri_list_wipe(char **words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        explicit_bzero(words[i], strlen(words[i]));
        free(words[i]);
    }
    free(words);
}

int uri_list_check(const struct uri *list, uint32_t count, struct ft_err *err)
{
    char address[URI_ADDRESS_SIZE];
    char before[URI_ADDRESS_SIZE];

    for (uint32_t k = 1; k < count; k++) {
        (void)uri_address(&list[k], address);
        for (uint32_t i = 0; i < k; i++) {
            if (strcmp(uri_address(&list[i], before), address) == 0)
                return err_set(err, FT_ERR_USAGE, "the address %s comes twice", address);
        }
    }
    return 0;
}

void uri_list_free(struct uri *list, uint32_t count)
{
    for (uint32_t i = 0; list != NULL && i < count; i++)
        uri_release(&list[i]);
    free(list);
}
