#include "cmd/remake_print.h"

#include "base/parse.h"
#include "cmd/json_value.h"

void remake_show_bytes(struct progress *p, const atomic_uint_fast64_t *bytes)
{
    char size[FORMAT_SIZE];

    progress_show(p, "%s read", format_size(atomic_load(bytes), size));
}

json_t *remake_to_json(const char *input, const char *directory, const struct remake_result *r)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "input", json_from_text(input),
                     "directory", json_from_text(directory), "flows", (json_int_t)r->flows,
                     "generations", (json_int_t)r->generations, "entries", (json_int_t)r->entries,
                     "records", (json_int_t)r->records, "dropped_entries",
                     (json_int_t)r->dropped_entries, "dropped_records",
                     (json_int_t)r->dropped_records);
}
