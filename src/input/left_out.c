#include "input/left_out.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char **texts;
static size_t count;

static int add(const char *text, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0)
            return 0;
    }
    if (ARRAY_ADD_ROOM(&texts, count, "a note", err) != 0)
        return -1;
    texts[count] = strdup(text);
    if (texts[count] == NULL)
        return err_nomem(err, "a note");
    count++;
    return 0;
}

int left_out_add(const char *text, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&mutex);
    rc = add(text, err);
    pthread_mutex_unlock(&mutex);
    return rc;
}

const char *left_out_get(size_t i)
{
    const char *text;

    pthread_mutex_lock(&mutex);
    text = i < count ? texts[i] : NULL;
    pthread_mutex_unlock(&mutex);
    return text;
}
