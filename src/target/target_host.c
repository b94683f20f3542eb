#include "target/target_host.h"

#include <stdarg.h>
#include <stdio.h>

#define NOTE_MAX 700

void target_host_note(const struct target_host *host, const char *fmt, ...)
{
    char text[NOTE_MAX];
    va_list ap;

    if (host->note == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    va_end(ap);
    host->note(host->context, text);
}

int target_host_sleep(const struct target_host *host, uint64_t ms, struct ft_err *err)
{
    return host->sleep(host->context, ms, err);
}

void target_host_sent(const struct target_host *host, uint64_t bytes)
{
    if (host->sent_bytes != NULL)
        atomic_fetch_add(host->sent_bytes, bytes);
}

void target_host_count(const struct target_host *host, const char *name, uint64_t commands,
                       uint64_t bytes)
{
    if (host->count != NULL)
        host->count(host->context, name, commands, bytes);
}
