#include "base/late_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

/* Without the loader's own handler: where it has had no memory, the thread that asked for the library may hold its lock
 * for good (glibc 2.36), and exit(3) would wait for that. */
static void leave_without_loader(int status, void *unused)
{
    (void)unused;
    (void)fflush(NULL);
    _exit(status);
}

static int load(struct late_library *l, struct ft_err *err)
{
    void *handle;

    errno = 0;
    handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        int sys_errno = errno;

        (void)on_exit(leave_without_loader, NULL);
        if (sys_errno == ENOMEM)
            return err_nomem(err, l->file);
        return err_set(err, FT_ERR_STATE, "could not load a library that this needs: %s",
                       dlerror());
    }
    for (size_t i = 0; i < l->count; i++) {
        void *function = dlsym(handle, l->names[i]);

        if (function == NULL) {
            (void)dlclose(handle); /* nothing of it was used */
            return err_set(err, FT_ERR_STATE, "%s has no function %s", l->file, l->names[i]);
        }
        /* of the same size, which POSIX promises and C does not */
        memcpy((uint8_t *)l->functions + i * sizeof(function), &function, sizeof(function));
    }
    l->loaded = true;
    return 0;
}

int late_library_load(struct late_library *l, struct ft_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&mu);
    if (!l->loaded)
        rc = load(l, err);
    pthread_mutex_unlock(&mu);
    return rc;
}
