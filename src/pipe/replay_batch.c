#include "pipe/replay_batch.h"

#include "base/endian.h"

/* array 32: a mark and the number of elements. */
#define ARRAY_HEAD    5
#define KEEP_BYTES    (1u << 20)
#define MP_ARRAY32    0xdd
#define MP_STR32      0xdb
#define MP_STR16      0xda
#define MP_FIXSTR     0xa0
#define MP_FIXSTR_MAX 31u
#define VERSION_FLAGS 700

#define SCRIPT_BODY                                                                           \
    "local key=ARGV[1] "                                                                      \
    "local seq=redis.call('HGET',key,'seq') "                                                 \
    "if seq~=ARGV[2] then return redis.error_reply('FLOWTAPE batch '..ARGV[2]..' does not "   \
    "follow '..tostring(seq)) end "                                                           \
    "local todo=cmsgpack.unpack(ARGV[5]) "                                                    \
    "if ARGV[7]=='1' then for _,c in ipairs(todo) do for _,k in ipairs(c[3]) do "             \
    "local r=redis.pcall('EXISTS',k) "                                                        \
    "if type(r)=='table' and r.err then return redis.error_reply('FLOWTAPE '..r.err) end "    \
    "end end end "                                                                            \
    "redis.call('HSET',key,'seq',ARGV[3],unpack(cmsgpack.unpack(ARGV[4]))) "                  \
    "local forget=cmsgpack.unpack(ARGV[6]) "                                                  \
    "for _,f in ipairs(forget) do redis.call('HDEL',key,f) end "                              \
    "local db,failed='0',{} "                                                                 \
    "local function flush(c) "                                                                \
    "local kept={} "                                                                          \
    "redis.call('SELECT','0') "                                                               \
    "for i=5,#c do kept[i]=redis.call('DUMP',c[i]) end "                                      \
    "redis.call('SELECT',c[1]) redis.call(c[4]) redis.call('SELECT','0') "                    \
    "for i=5,#c do if kept[i] then redis.call('RESTORE',c[i],'0',kept[i],'REPLACE') end end " \
    "redis.call('SELECT',c[1]) "                                                              \
    "end "                                                                                    \
    "local function run(c) "                                                                  \
    "if c[1]~=db then redis.call('SELECT',c[1]) db=c[1] end "                                 \
    "if c[4]=='EVAL' then "                                                                   \
    "local f=assert(loadstring('local KEYS,ARGV=... '..c[5])) "                               \
    "return f({c[7]},{unpack(c,8)}) end "                                                     \
    "if c[4]=='FLUSHALL' or c[4]=='FLUSHDB' then return flush(c) end "                        \
    "return redis.pcall(unpack(c,4)) "                                                        \
    "end "                                                                                    \
    "local call,words,special=redis.pcall,unpack,{EVAL=1,FLUSHALL=1,FLUSHDB=1} "              \
    "for i=1,#todo do "                                                                       \
    "local c,ok,r=todo[i],true,nil "                                                          \
    "if c[1]==db and not special[c[4]] then r=call(words(c,4)) else ok,r=pcall(run,c) end "   \
    "if not ok and type(r)~='table' then r={err=tostring(r)} end "                            \
    "if type(r)=='table' and r.err then "                                                     \
    "if db~='0' then redis.call('SELECT','0') db='0' end "                                    \
    "redis.call('HSET',key,'e:'..c[2],cmsgpack.pack({r.err,c})) "                             \
    "failed[#failed+1]={r.err,c} end "                                                        \
    "end "                                                                                    \
    "return failed"

static const char script_with_flags[] = "#!lua flags=allow-cross-slot-keys\n" SCRIPT_BODY;
static const char script_before_flags[] =
    "if redis.replicate_commands then redis.replicate_commands() end " SCRIPT_BODY;

const char *replay_script(unsigned version)
{
    return version >= VERSION_FLAGS ? script_with_flags : script_before_flags;
}

static void put_array_head(uint8_t head[ARRAY_HEAD], uint32_t count)
{
    head[0] = MP_ARRAY32;
    store_be32(head + 1, count);
}

/* Room for the head of an array whose size is known at the end. */
static int begin(struct buf *out, struct ft_err *err)
{
    static const uint8_t room[ARRAY_HEAD];

    return out->n != 0 ? 0 : buf_append(out, room, ARRAY_HEAD, err);
}

static int put_word(struct buf *out, struct bytes word, struct ft_err *err)
{
    if (buf_reserve(out, word.n + ARRAY_HEAD, err) != 0)
        return -1;
    if (word.n <= MP_FIXSTR_MAX) {
        buf_push(out, (uint8_t)(MP_FIXSTR | word.n));
    } else if (word.n <= UINT16_MAX) {
        buf_push(out, MP_STR16);
        buf_push(out, (uint8_t)(word.n >> 8));
        buf_push(out, (uint8_t)word.n);
    } else {
        buf_push(out, MP_STR32);
        store_be32(out->p + out->n, (uint32_t)word.n);
        out->n += 4;
    }
    return buf_append(out, word.p, word.n, err);
}

static int put_array(struct buf *out, uint32_t count, struct ft_err *err)
{
    if (buf_reserve(out, ARRAY_HEAD, err) != 0)
        return -1;
    put_array_head(out->p + out->n, count);
    out->n += ARRAY_HEAD;
    return 0;
}

int replay_batch_field(struct replay_batch *b, struct bytes name, struct bytes value,
                       struct ft_err *err)
{
    if (begin(&b->fields, err) != 0 || put_word(&b->fields, name, err) != 0 ||
        put_word(&b->fields, value, err) != 0)
        return -1;
    b->field_words += 2;
    return 0;
}

int replay_batch_forget(struct replay_batch *b, struct bytes field, struct ft_err *err)
{
    if (begin(&b->forget, err) != 0 || put_word(&b->forget, field, err) != 0)
        return -1;
    b->forget_words++;
    return 0;
}

int replay_batch_add(struct replay_batch *b, uint32_t db, const char *tag, const struct bytes *keys,
                     size_t key_count, const struct bytes *words, size_t count, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];

    if (begin(&b->commands, err) != 0 || put_array(&b->commands, (uint32_t)(3 + count), err) != 0 ||
        put_word(&b->commands, bytes_of(number, i64_to_text(db, number)), err) != 0 ||
        put_word(&b->commands, bytes_str(tag), err) != 0 ||
        put_array(&b->commands, (uint32_t)key_count, err) != 0)
        return -1;
    for (size_t i = 0; i < key_count; i++) {
        if (put_word(&b->commands, keys[i], err) != 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_word(&b->commands, words[i], err) != 0)
            return -1;
    }
    b->command_count++;
    return 0;
}

bool replay_batch_is_empty(const struct replay_batch *b)
{
    return b->field_words == 0 && b->command_count == 0 && b->forget_words == 0;
}

static int close_array(struct buf *out, uint32_t count, struct bytes *ret, struct ft_err *err)
{
    if (begin(out, err) != 0)
        return -1;
    put_array_head(out->p, count);
    *ret = buf_bytes(out);
    return 0;
}

int replay_batch_take(struct replay_batch *b, struct bytes *ret_fields, struct bytes *ret_commands,
                      struct bytes *ret_forget, struct ft_err *err)
{
    if (close_array(&b->fields, b->field_words, ret_fields, err) != 0 ||
        close_array(&b->commands, b->command_count, ret_commands, err) != 0)
        return -1;
    return close_array(&b->forget, b->forget_words, ret_forget, err);
}

void replay_batch_clear(struct replay_batch *b)
{
    buf_clear(&b->fields);
    buf_clear(&b->commands);
    buf_clear(&b->forget);
    buf_trim(&b->commands, KEEP_BYTES);
    b->field_words = 0;
    b->command_count = 0;
    b->forget_words = 0;
}

void replay_batch_release(struct replay_batch *b)
{
    buf_release(&b->fields);
    buf_release(&b->commands);
    buf_release(&b->forget);
}
