#include "replay/position/replay_multi_script.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/parse.h"
#include "base/sha1.h"
#include "replay/position/position_lua.h"
#include "replay/position/replay_batch.h"
#include "target/local_script.h"
#include "wire/reach.h"
#include "wire/reply_kind.h"

/* EVAL script number. */
#define HEAD_ARGS 3u
/* LTRIM key first last. */
#define TRIM_ARGS 4u

struct own {
    const char *text;
    char digest[SHA1_TEXT_SIZE];
    uint64_t sent_in; /* the last stretch that has brought the text */
};

struct replay_multi_scripts {
    const struct reach *reach;
    uint64_t stretch; /* of a transaction, in which the server forgets nothing */
    struct own *own;
    size_t own_count, own_cap;
    struct bytes *args;
    size_t arg_cap;
    struct bytes trim[TRIM_ARGS];
    bool no_trim; /* it was refused */
    char number[I64_TEXT_SIZE];
};

int replay_multi_scripts_new(struct replay_multi_scripts **ret, const struct reach *reach,
                             struct ft_err *err)
{
    struct replay_multi_scripts *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "the scripts of a node");
    s->reach = reach;
    *ret = s;
    return 0;
}

void replay_multi_scripts_free(struct replay_multi_scripts *s)
{
    if (s == NULL)
        return;
    free(s->own);
    free(s->args);
    free(s);
}

void replay_multi_scripts_begin(struct replay_multi_scripts *s)
{
    s->stretch++;
}

static int find_own(struct replay_multi_scripts *s, const char *text, struct own **ret,
                    struct ft_err *err)
{
    struct own *own;

    for (size_t i = 0; i < s->own_count; i++) {
        if (s->own[i].text == text) {
            *ret = &s->own[i];
            return 0;
        }
    }
    if (ARRAY_RESERVE(&s->own, &s->own_cap, s->own_count + 1, "the scripts of a node", err) != 0)
        return -1;
    own = &s->own[s->own_count];
    *own = (struct own){.text = text};
    sha1_text(bytes_str(text), own->digest);
    s->own_count++;
    *ret = own;
    return 0;
}

/* Room for so many arguments, the first of which are an EVAL of this script. A server that knows commands by other names
 * gets another text than the digest is of. */
static int begin(struct replay_multi_scripts *s, const char *text, size_t count, struct ft_err *err)
{
    struct own *own;

    if (ARRAY_RESERVE(&s->args, &s->arg_cap, count, "a command", err) != 0)
        return -1;
    s->args[0] = bytes_str("EVAL");
    s->args[1] = bytes_str(text);
    if (reach_renames(s->reach))
        return 0;
    if (find_own(s, text, &own, err) != 0)
        return -1;
    if (own->sent_in == s->stretch) {
        s->args[0] = bytes_str("EVALSHA");
        s->args[1] = bytes_str(own->digest);
    }
    own->sent_in = s->stretch;
    return 0;
}

static int form_eval(struct replay_multi_scripts *s, const struct bytes **args, size_t count,
                     struct ft_err *err)
{
    const char *own = count > 1 ? local_script_own((*args)[1]) : NULL;

    if (own == NULL) { /* servers since 7.4 keep the last 500 texts */
        s->stretch++;
        return 0;
    }
    if (begin(s, own, count, err) != 0)
        return -1;
    memcpy(s->args + 2, *args + 2, (count - 2) * sizeof(*s->args));
    *args = s->args;
    return 0;
}

/* The keys of the script, and the command, which only has its name then. */
static int form_flush(struct replay_multi_scripts *s, const struct bytes **args, size_t *count,
                      struct ft_err *err)
{
    const size_t keys = *count - 1;

    if (begin(s, lua_flush_keeping, HEAD_ARGS + keys + 1, err) != 0)
        return -1;
    s->args[2] = bytes_of(s->number, i64_to_text((int64_t)keys, s->number));
    memcpy(s->args + HEAD_ARGS, *args + 1, keys * sizeof(*s->args));
    s->args[HEAD_ARGS + keys] = (*args)[0];
    *args = s->args;
    *count = HEAD_ARGS + keys + 1;
    return 0;
}

static int form_quiet(struct replay_multi_scripts *s, const struct bytes **args, size_t *count,
                      struct ft_err *err)
{
    if (begin(s, lua_call_quietly, HEAD_ARGS + *count, err) != 0)
        return -1;
    s->args[2] = bytes_str("0");
    memcpy(s->args + HEAD_ARGS, *args, *count * sizeof(*s->args));
    *args = s->args;
    *count += HEAD_ARGS;
    return 0;
}

/* Of those whose answer is a value or a list: an identifier, a number, or one for each argument. */
static bool answers_briefly(struct bytes name)
{
    static const char *const names[] = {"BITFIELD", "HEXPIRE",    "HEXPIREAT",    "HPERSIST",
                                        "HPEXPIRE", "HPEXPIREAT", "HINCRBYFLOAT", "INCRBYFLOAT",
                                        "XADD",     "ZADD",       "ZINCRBY"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_is_word(name, names[i]))
            return true;
    }
    return false;
}

/* What Lua's stack does not hold is sent as it is: a command of so many arguments answers with no more than these. */
static bool answers_value(const struct bytes *args, size_t count, size_t more_count)
{
    return count + more_count <= REPLAY_ARGS_MAX &&
           (reply_kinds_of(args, count) & (REPLY_KIND_BULK | REPLY_KIND_ARRAY)) != 0 &&
           !answers_briefly(args[0]);
}

static bool is_pop(const struct bytes *args, size_t count)
{
    return (count == 2 || count == 3) &&
           (bytes_is_word(args[0], "LPOP") || bytes_is_word(args[0], "RPOP"));
}

/* LTRIM key count -1, or key 0 -(count + 1): four times as fast as the script. false: it has not got such a count. */
static bool form_trim(struct replay_multi_scripts *s, const struct bytes **args, size_t *count)
{
    const struct bytes *pop = *args;
    uint64_t n = 1;

    if (*count == 3 && (!bytes_to_u64(pop[2], &n) || n >= INT64_MAX))
        return false;
    s->trim[0] = bytes_str("LTRIM");
    s->trim[1] = pop[1];
    if (bytes_is_word(pop[0], "LPOP")) {
        s->trim[2] = bytes_of(s->number, i64_to_text((int64_t)n, s->number));
        s->trim[3] = bytes_str("-1");
    } else {
        s->trim[2] = bytes_str("0");
        s->trim[3] = bytes_of(s->number, i64_to_text(-(int64_t)n - 1, s->number));
    }
    *args = s->trim;
    *count = TRIM_ARGS;
    return true;
}

bool replay_multi_script_is_trim(const struct replay_multi_scripts *s, const struct bytes *args)
{
    return args == s->trim;
}

void replay_multi_script_no_trim(struct replay_multi_scripts *s)
{
    s->no_trim = true;
}

int replay_multi_script_form(struct replay_multi_scripts *s, const struct bytes **args,
                             size_t *count, size_t more_count, struct ft_err *err)
{
    const struct bytes name = (*args)[0];

    if (bytes_is_word(name, "EVAL"))
        return form_eval(s, args, *count, err);
    if (*count > 1 && (bytes_eq_str(name, "FLUSHALL") || bytes_eq_str(name, "FLUSHDB")))
        return form_flush(s, args, count, err);
    if (!s->no_trim && more_count == 0 && is_pop(*args, *count) && form_trim(s, args, count))
        return 0;
    return answers_value(*args, *count, more_count) ? form_quiet(s, args, count, err) : 0;
}
