#include "input/script_texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha1.h"

#define CAPACITY_FIRST 64u

struct script {
    uint8_t digest[SHA1_SIZE];
    uint8_t *text; /* NULL: there is none here */
    size_t n;
};

struct script_texts {
    struct script *slots; /* open addressing, a power of two; at most half of them are taken */
    size_t capacity, count;
    size_t bytes;
};

int script_texts_new(struct script_texts **ret, struct ft_err *err)
{
    struct script_texts *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_nomem(err, "the scripts of a journal");
    *ret = t;
    return 0;
}

void script_texts_free(struct script_texts *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->capacity; i++)
        free(t->slots[i].text);
    free(t->slots);
    free(t);
}

/* Where it is, or would be. */
static struct script *slot_for(struct script *slots, size_t capacity,
                               const uint8_t digest[SHA1_SIZE])
{
    uint64_t hash;
    size_t i;

    memcpy(&hash, digest, sizeof(hash));
    for (i = hash & (capacity - 1); slots[i].text != NULL; i = (i + 1) & (capacity - 1)) {
        if (memcmp(slots[i].digest, digest, SHA1_SIZE) == 0)
            break;
    }
    return &slots[i];
}

static int make_room(struct script_texts *t, struct ft_err *err)
{
    size_t capacity = t->capacity == 0 ? CAPACITY_FIRST : 2 * t->capacity;
    struct script *slots;

    if (2 * (t->count + 1) <= t->capacity)
        return 0;
    slots = calloc(capacity, sizeof(*slots));
    if (slots == NULL)
        return err_nomem(err, "the scripts of a journal");
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].text != NULL)
            *slot_for(slots, capacity, t->slots[i].digest) = t->slots[i];
    }
    free(t->slots);
    t->slots = slots;
    t->capacity = capacity;
    return 0;
}

static int remember(struct script_texts *t, struct bytes text, struct ft_err *err)
{
    uint8_t digest[SHA1_SIZE];
    struct script *s;

    if (text.n > SCRIPT_TEXTS_MAX - t->bytes)
        return 0;
    if (make_room(t, err) != 0)
        return -1;
    sha1_of(text, digest);
    s = slot_for(t->slots, t->capacity, digest);
    if (s->text != NULL)
        return 0;
    s->text = malloc(text.n + 1); /* so that there is one also where it is empty */
    if (s->text == NULL)
        return err_nomem(err, "a script");
    memcpy(s->text, text.p, text.n);
    memcpy(s->digest, digest, SHA1_SIZE);
    s->n = text.n;
    t->count++;
    t->bytes += text.n;
    return 0;
}

int script_texts_see(struct script_texts *t, const struct journal_record *record,
                     struct ft_err *err)
{
    if (strcmp(record->name, "EVAL") == 0 && record->arg_count > 1)
        return remember(t, record->args[1], err);
    if (strcmp(record->name, "SCRIPT") == 0 && record->arg_count == 3 &&
        bytes_is_word(record->args[1], "LOAD"))
        return remember(t, record->args[2], err);
    return 0;
}

static bool parse_digest(struct bytes hex, uint8_t ret[SHA1_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    if (hex.n != (size_t)2 * SHA1_SIZE)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        const char *digit = memchr(digits, hex.p[i] | 0x20, sizeof(digits) - 1);

        if (digit == NULL)
            return false;
        ret[i / 2] = (uint8_t)((ret[i / 2] << 4) | (digit - digits));
    }
    return true;
}

bool script_texts_find(const struct script_texts *t, struct bytes digest, struct bytes *ret)
{
    uint8_t wanted[SHA1_SIZE] = {0};
    const struct script *s;

    if (t->capacity == 0 || !parse_digest(digest, wanted))
        return false;
    s = slot_for(t->slots, t->capacity, wanted);
    if (s->text == NULL)
        return false;
    *ret = bytes_of(s->text, s->n);
    return true;
}
