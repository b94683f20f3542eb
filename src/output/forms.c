#include "output/forms.h"

#include "output/sink_aof.h"
#include "output/sink_json.h"
#include "output/sink_rdb.h"
#include "output/sink_resp.h"

static const struct output_form *const forms[] = {
    &sink_rdb,
    &sink_resp,
    &sink_aof,
    &sink_json,
};
#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

const struct output_form *const *output_forms(size_t *ret_count)
{
    *ret_count = FORM_COUNT;
    return forms;
}

const struct output_form *output_form_find(const char *name)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    }
    return NULL;
}
