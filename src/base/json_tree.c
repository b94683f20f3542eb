#include "base/json_tree.h"

int json_tree_load(json_t **ret, struct bytes text, size_t flags, struct ft_err *err)
{
    json_error_t cause;
    json_t *json = json_loadb((const char *)text.p, text.n, flags, &cause);

    /* Most failed allocations leave no text. */
    if (json == NULL &&
        (cause.text[0] == '\0' || json_error_code(&cause) == json_error_out_of_memory))
        return err_nomem(err, "reading JSON");
    if (json == NULL)
        return err_set(err, FT_ERR_CORRUPT, "line %d is not JSON: %s", cause.line, cause.text);
    *ret = json;
    return 0;
}
