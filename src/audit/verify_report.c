#include "audit/verify_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static int append(struct finding **list, size_t *count, const char *file, uint64_t offset,
                  const char *text, struct ft_err *err)
{
    struct finding *f;

    if (ARRAY_ADD_ROOM(list, *count, "a finding", err) != 0)
        return -1;
    f = &(*list)[*count];
    f->file = strdup(file);
    if (f->file == NULL)
        return err_nomem(err, "a finding");
    f->offset = offset;
    (void)snprintf(f->text, sizeof(f->text), "%s", text); /* the same size */
    (*count)++;
    return 0;
}

int verify_report_finding(struct verify_report *r, const char *file, uint64_t offset,
                          const char *text, struct ft_err *err)
{
    r->findings_total++;
    if (r->finding_count == FINDINGS_SHOWN_MAX)
        return 0;
    return append(&r->findings, &r->finding_count, file, offset, text, err);
}

int verify_report_found(struct verify_report *r, const char *file, uint64_t offset,
                        struct ft_err *what, struct ft_err *err)
{
    if (what->kind == FT_ERR_NOMEM || what->kind == FT_ERR_LIMIT || what->kind == FT_ERR_BUG) {
        *err = *what;
        return -1;
    }
    r->unread += what->kind == FT_ERR_UNSUPPORTED;
    return verify_report_finding(r, file, offset, what->msg, err);
}

int verify_report_note(struct verify_report *r, const char *file, const char *text,
                       struct ft_err *err)
{
    return append(&r->notes, &r->note_count, file, FT_NO_OFFSET, text, err);
}

int verify_report_incomplete(struct verify_report *r, const char *file, const char *text,
                             struct ft_err *err)
{
    return append(&r->incomplete, &r->incomplete_count, file, FT_NO_OFFSET, text, err);
}

static bool is_noted(const struct verify_report *r, const struct finding *note)
{
    for (size_t i = 0; i < r->note_count; i++) {
        if (strcmp(r->notes[i].text, note->text) == 0 && strcmp(r->notes[i].file, note->file) == 0)
            return true;
    }
    return false;
}

int verify_report_add(struct verify_report *r, const struct verify_report *part, struct ft_err *err)
{
    for (size_t i = 0; i < part->finding_count; i++) {
        const struct finding *f = &part->findings[i];

        if (r->finding_count < FINDINGS_SHOWN_MAX &&
            append(&r->findings, &r->finding_count, f->file, f->offset, f->text, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < part->note_count; i++) {
        const struct finding *f = &part->notes[i];

        if (!is_noted(r, f) &&
            append(&r->notes, &r->note_count, f->file, f->offset, f->text, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < part->incomplete_count; i++) {
        const struct finding *f = &part->incomplete[i];

        if (append(&r->incomplete, &r->incomplete_count, f->file, f->offset, f->text, err) != 0)
            return -1;
    }
    r->findings_total += part->findings_total;
    r->unread += part->unread;
    r->segments += part->segments;
    r->blocks += part->blocks;
    r->bytes += part->bytes;
    r->keys += part->keys;
    r->records += part->records;
    r->given_up += part->given_up;
    return 0;
}

static void free_findings(struct finding *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].file);
    free(list);
}

void verify_report_release(struct verify_report *r)
{
    free_findings(r->findings, r->finding_count);
    free_findings(r->notes, r->note_count);
    free_findings(r->incomplete, r->incomplete_count);
    memset(r, 0, sizeof(*r));
}
