#include "item/key_claim.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/array.h"
#include "item/slot_set.h"

static const char slots_word[] = "slots:";

enum part_kind {
    PART_NAME,
    PART_PREFIX,
    PART_SLOTS,
};

struct key_claim_part {
    enum part_kind kind;
    char *text;      /* as it was given, slots in one form; owned */
    struct buf name; /* of NAME and PREFIX */
    uint8_t *slots;  /* SLOT_SET_BYTES of them; owned */
};

/* "slots:" and nothing that a pattern could need. */
static bool names_slots(const char *text)
{
    size_t n = strlen(slots_word);

    return strncmp(text, slots_word, n) == 0 && text[n] != '\0' &&
           text[n + strspn(text + n, "0123456789-,")] == '\0';
}

static int take_slots(struct key_claim_part *p, const char *text, struct ft_err *err)
{
    struct buf own = {0};
    int rc = -1;

    p->kind = PART_SLOTS;
    p->slots = calloc(1, SLOT_SET_BYTES);
    if (p->slots == NULL)
        return err_nomem(err, "slots");
    if (slot_set_parse(bytes_str(text + strlen(slots_word)), p->slots, err) != 0) {
        err->kind = FT_ERR_USAGE;
        return err_wrap(err, "\"%s\"", text);
    }
    if (buf_append_str(&own, slots_word, err) == 0 && slot_set_put(&own, p->slots, err) == 0 &&
        buf_append(&own, "", 1, err) == 0) {
        p->text = strdup((const char *)own.p);
        rc = p->text == NULL ? err_nomem(err, "slots") : 0;
    }
    buf_release(&own);
    return rc;
}

static int take_pattern(struct key_claim_part *p, const char *text, struct ft_err *err)
{
    const char *at = text;

    p->kind = PART_NAME;
    for (; *at != '\0' && p->kind == PART_NAME; at++) {
        if (*at == '*' && at[1] == '\0') {
            p->kind = PART_PREFIX;
            break;
        }
        if (strchr("*?[", *at) != NULL || iscntrl((unsigned char)*at) ||
            (*at == '\\' && (at[1] == '\0' || iscntrl((unsigned char)at[1]))))
            return err_set(err, FT_ERR_USAGE,
                           "\"%s\": wanted PREFIX*, the name of a key, or slots:0-5460; in a "
                           "name a backslash belongs in front of *, ? and [",
                           text);
        at += *at == '\\';
        if (buf_append(&p->name, at, 1, err) != 0)
            return -1;
    }
    p->text = strdup(text);
    return p->text == NULL ? err_nomem(err, "a claim") : 0;
}

static void release_part(struct key_claim_part *p)
{
    free(p->text);
    free(p->slots);
    buf_release(&p->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct key_claim_part *)a)->text,
                  ((const struct key_claim_part *)b)->text);
}

int key_claim_add(struct key_claim *c, const char *text, struct ft_err *err)
{
    struct key_claim_part part = {.text = NULL};

    if (text[0] == '\0')
        return err_set(err, FT_ERR_USAGE, "wanted PREFIX*, the name of a key, or slots:0-5460");
    if ((names_slots(text) ? take_slots(&part, text, err) : take_pattern(&part, text, err)) != 0 ||
        ARRAY_ADD_ROOM(&c->parts, c->count, "a claim", err) != 0) {
        release_part(&part);
        return -1;
    }
    c->parts[c->count++] = part;
    qsort(c->parts, c->count, sizeof(*c->parts), by_text);
    return 0;
}

int key_claim_parse(struct key_claim *ret, struct bytes text, struct ft_err *err)
{
    struct key_claim c = {0};
    int rc = 0;

    while (rc == 0 && text.n != 0) {
        struct bytes line = bytes_take_until(&text, '\n');
        char *part = strndup((const char *)line.p, line.n);

        rc = part == NULL ? err_nomem(err, "a claim") : key_claim_add(&c, part, err);
        free(part);
    }
    if (rc != 0) {
        key_claim_release(&c);
        return -1;
    }
    *ret = c;
    return 0;
}

int key_claim_put(struct buf *out, const struct key_claim *c, const char *separator,
                  struct ft_err *err)
{
    for (size_t i = 0; i < c->count; i++) {
        if ((i != 0 && buf_append_str(out, separator, err) != 0) ||
            buf_append_str(out, c->parts[i].text, err) != 0)
            return -1;
    }
    return 0;
}

const char *key_claim_part_text(const struct key_claim *c, size_t part)
{
    return c->parts[part].text;
}

static bool begins_with(struct bytes name, struct bytes prefix)
{
    return name.n >= prefix.n && (prefix.n == 0 || memcmp(name.p, prefix.p, prefix.n) == 0);
}

bool key_claim_has(const struct key_claim *c, struct bytes key)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct key_claim_part *p = &c->parts[i];

        if (p->kind == PART_SLOTS  ? slot_set_has(p->slots, slot_of(key))
            : p->kind == PART_NAME ? bytes_eq(key, buf_bytes(&p->name))
                                   : begins_with(key, buf_bytes(&p->name)))
            return true;
    }
    return false;
}

/* A whole hash tag decides, whatever follows. */
static bool has_tag(struct bytes prefix)
{
    return slot_tag(prefix).n != prefix.n;
}

static bool meets_slots(const struct key_claim_part *p, const uint8_t *slots)
{
    if (p->kind == PART_SLOTS) {
        for (size_t i = 0; i < SLOT_SET_BYTES; i++) {
            if ((p->slots[i] & slots[i]) != 0)
                return true;
        }
        return false;
    }
    return (p->kind == PART_PREFIX && !has_tag(buf_bytes(&p->name))) ||
           slot_set_has(slots, slot_of(buf_bytes(&p->name)));
}

static bool parts_overlap(const struct key_claim_part *a, const struct key_claim_part *b)
{
    struct bytes x = buf_bytes(&a->name);
    struct bytes y = buf_bytes(&b->name);

    if (b->kind == PART_SLOTS)
        return meets_slots(a, b->slots);
    if (a->kind == PART_SLOTS)
        return meets_slots(b, a->slots);
    if (a->kind == PART_NAME && b->kind == PART_NAME)
        return bytes_eq(x, y);
    return (a->kind == PART_PREFIX && begins_with(y, x)) ||
           (b->kind == PART_PREFIX && begins_with(x, y));
}

bool key_claim_overlaps(const struct key_claim *a, const struct key_claim *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            if (parts_overlap(&a->parts[i], &b->parts[j]))
                return true;
        }
    }
    return false;
}

void key_claim_release(struct key_claim *c)
{
    for (size_t i = 0; i < c->count; i++)
        release_part(&c->parts[i]);
    free(c->parts);
    *c = (struct key_claim){0};
}
