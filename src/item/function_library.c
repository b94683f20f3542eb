#include "item/function_library.h"

/* After "name=" in the first line, up to a blank. */
struct bytes function_library_name(struct bytes code)
{
    static const char mark[] = "name=";
    size_t line = 0;

    while (line < code.n && code.p[line] != '\n')
        line++;
    for (size_t i = 0; i + sizeof(mark) - 1 <= line; i++) {
        size_t begin = i + sizeof(mark) - 1;
        size_t end = begin;

        if (memcmp(code.p + i, mark, sizeof(mark) - 1) != 0)
            continue;
        while (end < line && code.p[end] > ' ')
            end++;
        return bytes_of(code.p + begin, end - begin);
    }
    return bytes_of(code.p, line);
}
