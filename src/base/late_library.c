#include "base/late_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static int load(struct late_library *l, struct ft_err *err)
{
    void *handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL)
        return err_set(err, FT_ERR_UNSUPPORTED, "could not load a library that this needs: %s",
                       dlerror());
    for (size_t i = 0; i < l->count; i++) {
        void *function = dlsym(handle, l->names[i]);

        if (function == NULL) {
            (void)dlclose(handle); /* nothing of it was used */
            return err_set(err, FT_ERR_UNSUPPORTED, "%s has no function %s", l->file, l->names[i]);
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
