/* function_library.h - a library of functions by what its first line says: "#!lua name=mylib". */
#ifndef FLOWTAPE_ITEM_FUNCTION_LIBRARY_H
#define FLOWTAPE_ITEM_FUNCTION_LIBRARY_H

#include "base/bytes.h"

/* function_library_name - a part of the code; the whole line where it has no name. */
struct bytes function_library_name(struct bytes code);

#endif
