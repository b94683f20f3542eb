/*
 * uri_list.h - the addresses of several servers of one kind in one word.
 *
 *   dragonfly://[user[:password]@]host[:port],host[:port]...
 *
 * User and password, and what follows the hosts, are those of each of them; a word with one host is a list too.
 *
 * Secrets      As in uri.h; the words of a list are wiped when they are freed.
 */
#ifndef FLOWTAPE_WIRE_URI_LIST_H
#define FLOWTAPE_WIRE_URI_LIST_H

#include "wire/uri.h"

/* uri_list_split - a word for each host, to be parsed by uri_parse. *ret is freed by uri_list_wipe. */
int uri_list_split(const char *text, char ***ret, uint32_t *ret_count, struct ft_err *err);
void uri_list_wipe(char **words, uint32_t count);
/* uri_list_check - FT_ERR_USAGE: an address comes twice. */
int uri_list_check(const struct uri *list, uint32_t count, struct ft_err *err);
/* uri_list_free - NULL is no list. */
void uri_list_free(struct uri *list, uint32_t count);

#endif
