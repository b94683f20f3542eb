/*
 * The symbols of the grammar:
 *
 *   S        string (rdb_string.h)
 *   U        packed number
 *   4 8 i    4, 8, 16 bytes
 *   T        a double as text: one byte of length (253 to 255: nan, inf, -inf), text
 *   N(...)   packed number n, then n times the body
 *   L(...)   LE32 number n, then n + 1 times the body
 *   V        LE32 number n, then n times 4 bytes
 *   B        packed number n, then n bytes; n is a multiple of 4
 *   C        packed number of bytes that follow in chunks, each a packed number n > 0 and n bytes
 *   M        packed width, depth and total, then width * depth counters of 8 bytes
 *   O        module opcodes, each with its operand, up to and including the EOF opcode
 */
#include "rdb/value_walk.h"

#include "base/endian.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"

struct type_row {
    const char *grammar; /* NULL: a type nobody can walk, or none at all */
    const char *name;
};

/* head, then 7 more numbers from version 2 on; groups; consumers */
#define STREAM_1 "N(SS)UUUN(SUUN(i8U)N(S8N(i)))"
#define STREAM_2 "N(SS)UUUUUUUUN(SUUUN(i8U)N(S8N(i)))"
#define STREAM_3 "N(SS)UUUUUUUUN(SUUUN(i8U)N(S88N(i)))"
#define STREAM_4 STREAM_3 VALUE_WALK_STREAM_PRODUCERS
/* in a group, after its consumers, the pending entries that none of them has */
#define STREAM_5 "N(SS)UUUUUUUUN(SUUUN(i8U)N(S88N(i))N(i))" VALUE_WALK_STREAM_PRODUCERS

static const struct type_row rows[RDB_TYPE_COUNT] = {
    [RDB_TYPE_STRING] = {"S", "string"},
    [RDB_TYPE_LIST] = {"N(S)", "list"},
    [RDB_TYPE_SET] = {"N(S)", "set"},
    [RDB_TYPE_ZSET] = {"N(ST)", "zset"},
    [RDB_TYPE_HASH] = {"N(SS)", "hash"},
    [RDB_TYPE_ZSET_2] = {"N(S8)", "zset_2"},
    [RDB_TYPE_MODULE_PRE_GA] = {NULL, "module_pre_ga"},
    [RDB_TYPE_MODULE_2] = {"UO", "module_2"},
    [RDB_TYPE_HASH_ZIPMAP] = {"S", "hash_zipmap"},
    [RDB_TYPE_LIST_ZIPLIST] = {"S", "list_ziplist"},
    [RDB_TYPE_SET_INTSET] = {"S", "set_intset"},
    [RDB_TYPE_ZSET_ZIPLIST] = {"S", "zset_ziplist"},
    [RDB_TYPE_HASH_ZIPLIST] = {"S", "hash_ziplist"},
    [RDB_TYPE_LIST_QUICKLIST] = {"N(S)", "list_quicklist"},
    [RDB_TYPE_STREAM_LISTPACKS] = {STREAM_1, "stream_listpacks"},
    [RDB_TYPE_HASH_LISTPACK] = {"S", "hash_listpack"},
    [RDB_TYPE_ZSET_LISTPACK] = {"S", "zset_listpack"},
    [RDB_TYPE_LIST_QUICKLIST_2] = {"N(US)", "list_quicklist_2"},
    [RDB_TYPE_STREAM_LISTPACKS_2] = {STREAM_2, "stream_listpacks_2"},
    [RDB_TYPE_SET_LISTPACK] = {"S", "set_listpack"},
    [RDB_TYPE_STREAM_LISTPACKS_3] = {STREAM_3, "stream_listpacks_3"},
    [RDB_TYPE_HASH_METADATA_PRE_GA] = {"N(USS)", "hash_metadata_pre_ga"},
    [RDB_TYPE_HASH_LISTPACK_EX_PRE_GA] = {"S", "hash_listpack_ex_pre_ga"},
    [RDB_TYPE_HASH_METADATA] = {"8N(USS)", "hash_metadata"},
    [RDB_TYPE_HASH_LISTPACK_EX] = {"8S", "hash_listpack_ex"},
    [RDB_TYPE_STREAM_LISTPACKS_4] = {STREAM_4, "stream_listpacks_4"},
    [RDB_TYPE_STREAM_LISTPACKS_5] = {STREAM_5, "stream_listpacks_5"},
    [RDB_TYPE_VALKEY_HASH] = {"N(SS8)", "valkey_hash_2"},
    [RDB_TYPE_KEYDB_CRON] = {"S88N(S)N(S)", "keydb_cron"}, /* script, times, keys, arguments */
    [RDB_TYPE_DF_JSON] = {"S", "json"},
    [RDB_TYPE_DF_HASH_WITH_EXPIRY] = {"N(SSS)", "hash_with_expiry"},
    [RDB_TYPE_DF_SET_WITH_EXPIRY] = {"N(SS)", "set_with_expiry"},
    [RDB_TYPE_DF_SBF] = {"U88UUUN(US)", "sbf"},
    [RDB_TYPE_DF_SBF2] = {"U88UUUN(UC)", "sbf2"},
    [RDB_TYPE_DF_CMS] = {"M", "cms"},
    [RDB_TYPE_DF_TOPK] = {"UUUU8N(SU)B", "topk"},
    [RDB_TYPE_DF_CUCKOO] = {"UUUUUUN(C)", "cuckoo"},
};

const uint8_t rdb_type_classes[RDB_TYPE_COUNT] = {
    [RDB_TYPE_STRING] = VALUE_STRING,
    [RDB_TYPE_LIST] = VALUE_LIST,
    [RDB_TYPE_SET] = VALUE_SET,
    [RDB_TYPE_ZSET] = VALUE_ZSET,
    [RDB_TYPE_HASH] = VALUE_HASH,
    [RDB_TYPE_ZSET_2] = VALUE_ZSET,
    [RDB_TYPE_MODULE_PRE_GA] = VALUE_MODULE,
    [RDB_TYPE_MODULE_2] = VALUE_MODULE,
    [RDB_TYPE_HASH_ZIPMAP] = VALUE_HASH,
    [RDB_TYPE_LIST_ZIPLIST] = VALUE_LIST,
    [RDB_TYPE_SET_INTSET] = VALUE_SET,
    [RDB_TYPE_ZSET_ZIPLIST] = VALUE_ZSET,
    [RDB_TYPE_HASH_ZIPLIST] = VALUE_HASH,
    [RDB_TYPE_LIST_QUICKLIST] = VALUE_LIST,
    [RDB_TYPE_STREAM_LISTPACKS] = VALUE_STREAM,
    [RDB_TYPE_HASH_LISTPACK] = VALUE_HASH,
    [RDB_TYPE_ZSET_LISTPACK] = VALUE_ZSET,
    [RDB_TYPE_LIST_QUICKLIST_2] = VALUE_LIST,
    [RDB_TYPE_STREAM_LISTPACKS_2] = VALUE_STREAM,
    [RDB_TYPE_SET_LISTPACK] = VALUE_SET,
    [RDB_TYPE_STREAM_LISTPACKS_3] = VALUE_STREAM,
    [RDB_TYPE_HASH_METADATA_PRE_GA] = VALUE_HASH,
    [RDB_TYPE_HASH_LISTPACK_EX_PRE_GA] = VALUE_HASH,
    [RDB_TYPE_HASH_METADATA] = VALUE_HASH,
    [RDB_TYPE_HASH_LISTPACK_EX] = VALUE_HASH,
    [RDB_TYPE_STREAM_LISTPACKS_4] = VALUE_STREAM,
    [RDB_TYPE_STREAM_LISTPACKS_5] = VALUE_STREAM,
    [RDB_TYPE_VALKEY_HASH] = VALUE_HASH,
    [RDB_TYPE_KEYDB_CRON] = VALUE_MODULE,
    [RDB_TYPE_DF_JSON] = VALUE_JSON,
    [RDB_TYPE_DF_HASH_WITH_EXPIRY] = VALUE_HASH,
    [RDB_TYPE_DF_SET_WITH_EXPIRY] = VALUE_SET,
    [RDB_TYPE_DF_SBF] = VALUE_PROBABILISTIC,
    [RDB_TYPE_DF_SBF2] = VALUE_PROBABILISTIC,
    [RDB_TYPE_DF_CMS] = VALUE_PROBABILISTIC,
    [RDB_TYPE_DF_TOPK] = VALUE_PROBABILISTIC,
    [RDB_TYPE_DF_CUCKOO] = VALUE_PROBABILISTIC,
};

bool value_walk_known(unsigned type)
{
    return type < RDB_TYPE_COUNT && rows[type].grammar != NULL;
}

void value_walk_begin_grammar(struct value_walk *w, const char *grammar)
{
    w->pc = grammar;
    w->skip = 0;
    w->chunks = 0;
    w->depth = 0;
}

void value_walk_begin(struct value_walk *w, unsigned type)
{
    value_walk_begin_grammar(w, rows[type].grammar);
}

/* What one symbol, or one turn of C or O, found. */
struct symbol {
    size_t head;      /* bytes of numbers and string heads */
    uint64_t payload; /* bytes to pass over after them */
    uint64_t count;   /* N, L: how often */
    bool again;       /* the same symbol continues */
    const char *bad;  /* with STEP_ERROR: what is wrong */
};

static enum step read_number(const uint8_t *p, size_t n, size_t *at, uint64_t *ret)
{
    int used = rdb_len_get(p + *at, n - *at, ret);

    if (used <= 0)
        return used == 0 ? STEP_MORE : STEP_ERROR;
    *at += (size_t)used;
    return STEP_ITEM;
}

static enum step read_string(const uint8_t *p, size_t n, struct symbol *ret)
{
    struct rdb_string_head head;
    enum step step = rdb_string_head_get(p + ret->head, n - ret->head, &head);

    if (step == STEP_ITEM) {
        ret->head += head.head_size;
        ret->payload = head.payload_size;
    } else if (step == STEP_ERROR) {
        ret->bad = "bad string length in a value";
    }
    return step;
}

static enum step read_text_double(const uint8_t *p, size_t n, struct symbol *ret)
{
    if (n == 0)
        return STEP_MORE;
    ret->head = 1;
    ret->payload = p[0] < 253 ? p[0] : 0;
    return STEP_ITEM;
}

static enum step read_le32(const uint8_t *p, size_t n, char symbol, struct symbol *ret)
{
    if (n < 4)
        return STEP_MORE;
    ret->head = 4;
    if (symbol == 'L')
        ret->count = (uint64_t)load_le32(p) + 1;
    else
        ret->payload = (uint64_t)load_le32(p) * 4;
    return STEP_ITEM;
}

static enum step read_counters(const uint8_t *p, size_t n, struct symbol *ret)
{
    uint64_t width = 0;
    uint64_t depth = 0;
    uint64_t total;
    enum step step = read_number(p, n, &ret->head, &width);

    if (step == STEP_ITEM)
        step = read_number(p, n, &ret->head, &depth);
    if (step == STEP_ITEM)
        step = read_number(p, n, &ret->head, &total);
    if (step != STEP_ITEM)
        return step;
    if (__builtin_mul_overflow(width, depth, &ret->payload) ||
        __builtin_mul_overflow(ret->payload, 8u, &ret->payload)) {
        ret->bad = "counters beyond any size in a count-min sketch";
        return STEP_ERROR;
    }
    return STEP_ITEM;
}

static enum step read_block(const uint8_t *p, size_t n, struct symbol *ret)
{
    enum step step = read_number(p, n, &ret->head, &ret->payload);

    if (step == STEP_ITEM && ret->payload % 4 != 0) {
        ret->bad = "a block of counters is not a multiple of 4 bytes";
        return STEP_ERROR;
    }
    return step;
}

static enum step read_chunk(struct value_walk *w, const uint8_t *p, size_t n, struct symbol *ret)
{
    enum step step;

    if (w->chunks == 0) { /* a chunked block begins */
        step = read_number(p, n, &ret->head, &w->chunks);
        ret->again = step == STEP_ITEM && w->chunks != 0;
        return step;
    }
    step = read_number(p, n, &ret->head, &ret->payload);
    if (step != STEP_ITEM)
        return step;
    if (ret->payload == 0 || ret->payload > w->chunks) {
        ret->bad = "a chunk does not fit into what remains of its filter";
        return STEP_ERROR;
    }
    w->chunks -= ret->payload;
    ret->again = w->chunks != 0;
    return STEP_ITEM;
}

static enum step read_module(const uint8_t *p, size_t n, struct symbol *ret)
{
    uint64_t opcode;
    uint64_t number;
    enum step step = read_number(p, n, &ret->head, &opcode);

    if (step != STEP_ITEM)
        return step;
    ret->again = opcode != RDB_MODULE_OP_EOF;
    switch (opcode) {
    case RDB_MODULE_OP_EOF:
        return STEP_ITEM;
    case RDB_MODULE_OP_SINT:
    case RDB_MODULE_OP_UINT:
        return read_number(p, n, &ret->head, &number);
    case RDB_MODULE_OP_FLOAT:
        ret->payload = 4;
        return STEP_ITEM;
    case RDB_MODULE_OP_DOUBLE:
        ret->payload = 8;
        return STEP_ITEM;
    case RDB_MODULE_OP_STRING:
        return read_string(p, n, ret);
    default:
        ret->bad = "unknown opcode in a module's value";
        return STEP_ERROR;
    }
}

static enum step read_symbol(struct value_walk *w, char symbol, const uint8_t *p, size_t n,
                             struct symbol *ret)
{
    uint64_t number;

    switch (symbol) {
    case 'S':
        return read_string(p, n, ret);
    case 'U':
        return read_number(p, n, &ret->head, &number);
    case 'N':
        return read_number(p, n, &ret->head, &ret->count);
    case '4':
        ret->payload = 4;
        return STEP_ITEM;
    case '8':
        ret->payload = 8;
        return STEP_ITEM;
    case 'i':
        ret->payload = 16;
        return STEP_ITEM;
    case 'T':
        return read_text_double(p, n, ret);
    case 'L':
    case 'V':
        return read_le32(p, n, symbol, ret);
    case 'M':
        return read_counters(p, n, ret);
    case 'B':
        return read_block(p, n, ret);
    case 'C':
        return read_chunk(w, p, n, ret);
    default: /* 'O', the last there is */
        return read_module(p, n, ret);
    }
}

/* The symbol after the body that begins at `body`. */
static const char *behind_body(const char *body)
{
    unsigned depth = 1;

    for (; depth != 0; body++) {
        if (*body == '(')
            depth++;
        else if (*body == ')')
            depth--;
    }
    return body;
}

/* pc is at the '(' of a loop; returns where to go on. */
static const char *enter_loop(struct value_walk *w, const char *pc, uint64_t count)
{
    if (count == 0)
        return behind_body(pc + 1);
    w->loops[w->depth].body = pc + 1;
    w->loops[w->depth].left = count;
    w->depth++;
    return pc + 1;
}

/* pc is at a ')'; returns where to go on. */
static inline const char *turn_loop(struct value_walk *w, const char *pc)
{
    if (--w->loops[w->depth - 1].left != 0)
        return w->loops[w->depth - 1].body;
    w->depth--;
    return pc + 1;
}

/* Pass over payload as far as it is here; the rest stays noted. False when it is not all here. */
static inline bool pass(struct value_walk *w, const uint8_t **p, const uint8_t *end,
                        uint64_t payload)
{
    size_t here = (size_t)(end - *p);

    if (payload <= here) {
        *p += payload;
        return true;
    }
    w->skip = payload - here;
    *p = end;
    return false;
}

enum step value_walk_run(struct value_walk *w, const uint8_t *p, size_t n, uint64_t base_offset,
                         size_t *ret_used, struct ft_err *err)
{
    const uint8_t *const begin = p;
    const uint8_t *const end = p + n;
    const char *pc = w->pc;
    uint64_t skip = w->skip;
    enum step step = STEP_MORE;

    *ret_used = 0;
    if (pc == NULL)
        return STEP_ITEM;
    w->skip = 0;
    if (pass(w, &p, end, skip))
        step = STEP_ITEM;
    while (step == STEP_ITEM && *pc != '\0') {
        struct symbol found;
        size_t head;
        size_t size;

        if (*pc == ')') {
            pc = turn_loop(w, pc);
            continue;
        }
        if (*pc == 'S' && rdb_string_is_raw(p, (size_t)(end - p), &head, &size)) {
            p += head + size;
            pc++;
            continue;
        }
        found = (struct symbol){0};
        step = read_symbol(w, *pc, p, (size_t)(end - p), &found);
        if (step == STEP_ERROR) {
            *ret_used = (size_t)(p - begin);
            (void)err_at(err, FT_ERR_CORRUPT, base_offset + (uint64_t)(p - begin), "%s",
                         found.bad != NULL ? found.bad : "bad number in a value");
            return STEP_ERROR;
        }
        if (step == STEP_MORE)
            break;
        p += found.head;
        if (pc[1] == '(' && (*pc == 'N' || *pc == 'L'))
            pc = enter_loop(w, pc + 1, found.count);
        else if (!found.again)
            pc++;
        if (!pass(w, &p, end, found.payload))
            step = STEP_MORE;
    }
    w->pc = step == STEP_ITEM ? NULL : pc;
    *ret_used = (size_t)(p - begin);
    return step;
}

const char *rdb_type_name(unsigned type)
{
    return type < RDB_TYPE_COUNT ? rows[type].name : NULL;
}

const char *value_class_name(enum value_class c)
{
    static const char *const names[VALUE_CLASS_COUNT] = {
        [VALUE_STRING] = "string",
        [VALUE_LIST] = "list",
        [VALUE_SET] = "set",
        [VALUE_ZSET] = "zset",
        [VALUE_HASH] = "hash",
        [VALUE_STREAM] = "stream",
        [VALUE_JSON] = "json",
        [VALUE_MODULE] = "module",
        [VALUE_PROBABILISTIC] = "probabilistic",
    };

    return (unsigned)c < VALUE_CLASS_COUNT ? names[c] : NULL;
}
