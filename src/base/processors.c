#include "base/processors.h"

#include <sched.h>
#include <unistd.h>

/* A set of fixed size does for 1024 processors; where there are more, the system's own count has to. */
unsigned processors_usable(void)
{
    cpu_set_t set;
    long n;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}
