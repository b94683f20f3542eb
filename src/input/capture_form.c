#include "input/capture_form.h"

#include "archive/packed_capture.h"
#include "archive/packed_reader.h"

bool capture_form_is(const char *path)
{
    return capture_is_dir(path) || packed_looks_so(path);
}

int capture_form_open(struct capture **ret, const char *path, struct ft_err *err)
{
    if (!capture_is_dir(path) && packed_looks_so(path))
        return packed_capture_open(ret, path, err);
    return capture_open_read(ret, path, err);
}
