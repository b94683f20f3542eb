/* recode_module.h - JSON documents and values of modules. */
#ifndef FLOWTAPE_ITEM_RECODE_MODULE_H
#define FLOWTAPE_ITEM_RECODE_MODULE_H

#include "item/recode_impl.h"

recode_fn recode_json;
recode_fn recode_module;

#endif
