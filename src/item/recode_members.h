/* recode_members.h - lists, sets, sorted sets and hashes, element by element. */
#ifndef FLOWTAPE_ITEM_RECODE_MEMBERS_H
#define FLOWTAPE_ITEM_RECODE_MEMBERS_H

#include "item/recode_impl.h"

recode_fn recode_list;
recode_fn recode_list_with_bare_nodes;
recode_fn recode_set;
recode_fn recode_zset;
recode_fn recode_hash;

#endif
