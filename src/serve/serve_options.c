#include "serve/serve_options.h"

#include <stdarg.h>
#include <stdio.h>

void serve_note(const struct serve_options *options, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    if (options->on_note == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap); /* a longer one is cut */
    va_end(ap);
    options->on_note(options->context, line);
}
