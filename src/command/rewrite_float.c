/* INCRBYFLOAT and HINCRBYFLOAT, computed as the source does. */
#include "command/rewrite.h"

/* Up to this release of the source HINCRBY and HINCRBYFLOAT took away the time of the field. */
#define FIELD_TIME_LOST_RELEASE 135u

/*
 * text(x): the shortest decimal that reads back as the double x; of several, the one closest to it. Without
 * exponent from 1e-6 up to below 1e21. So do dragonfly's replies and values (double-conversion,
 * ToShortest). Fifteen digits always read back if they are enough, but for numbers below 2.3e-308; next to a
 * power of two the digits that are right may be those above the nearest ones. Lua's numbers are doubles, and
 * its own texts of them are the C library's.
 */
#define FLOAT_TEXT                                                                    \
    "local function text(x) "                                                         \
    "if x~=x then return 'nan' end "                                                  \
    "if x==1/0 or x==-1/0 then return x>0 and 'inf' or '-inf' end "                   \
    "if x==0 then return '0' end "                                                    \
    "local p,t=math.abs(x)<2.3e-308 and 0 or 14 "                                     \
    "repeat "                                                                         \
    "t=string.format('%.'..p..'e',x) p=p+1 "                                          \
    "if tonumber(t)~=x then "                                                         \
    "local h,d,n,e=string.match(t,'^(.*)([0-8])([9.]*)(e.*)$') "                      \
    "if h then t=h..(d+1)..string.gsub(n,'9','0')..e end end "                        \
    "until tonumber(t)==x "                                                           \
    "local s,a,b,e=string.match(t,'^(%-?)(%d)%.?(%d*)e(.*)$') "                       \
    "e=tonumber(e) b=string.gsub(b,'0+$','') "                                        \
    "if e<-6 or e>20 then "                                                           \
    "return s..a..(b=='' and '' or '.'..b)..(e<0 and 'e-' or 'e+')..math.abs(e) end " \
    "if e<0 then return s..'0.'..string.rep('0',-e-1)..a..b end "                     \
    "if #b<=e then return s..a..b..string.rep('0',e-#b) end "                         \
    "return s..a..string.sub(b,1,e)..'.'..string.sub(b,e+1) end "

/* sum(old, more): what is written, or an error as the source has it; old may be false. */
#define FLOAT_SUM                                                                       \
    FLOAT_TEXT "local function sum(old,more,what) "                                     \
               "local a,b=0,tonumber(more) "                                            \
               "if old then a=tonumber(old) end "                                       \
               "if not a or not b then return nil,redis.error_reply('ERR '..what) end " \
               "local x=b if old then x=a+b if x~=x or x==1/0 or x==-1/0 then "         \
               "return nil,redis.error_reply('ERR increment would produce NaN or "      \
               "Infinity') end end "                                                    \
               "return text(x) end "

#define STRING_SUM                                                         \
    FLOAT_SUM "local k=KEYS[1] local old=redis.pcall('GET',k) "            \
              "if type(old)=='table' then return old end "                 \
              "local v,why=sum(old,ARGV[1],'value is not a valid float') " \
              "if not v then return why end "

/* ARGV: the increment */
static const char incrbyfloat_script[] = STRING_SUM "redis.call('SET',k,v,'KEEPTTL') return v";

/* For servers without KEEPTTL. */
static const char incrbyfloat_old_script[] =
    STRING_SUM "local t=redis.call('PTTL',k) redis.call('SET',k,v) "
               "if t>0 then redis.call('PEXPIRE',k,t) end return v";

/* ARGV: field, increment, 1: a time that the field has is kept */
static const char hincrbyfloat_script[] =
    FLOAT_SUM "local k,f,t=KEYS[1],ARGV[1],nil local old=redis.pcall('HGET',k,f) "
              "if type(old)=='table' then return old end "
              "local v,why=sum(old,ARGV[2],'hash value is not a float') "
              "if not v then return why end "
              "if old and ARGV[3]=='1' then t=redis.call('HPEXPIRETIME',k,'FIELDS',1,f)[1] end "
              "redis.call('HSET',k,f,v) "
              "if t and t>0 then "
              "redis.call('HPEXPIREAT',k,string.format('%.0f',t),'FIELDS',1,f) end "
              "return v";

static bool keeps_field_time(const struct rewrite *rw)
{
    return rw->options->target->member_ttl && !rewrite_source_up_to(rw, FIELD_TIME_LOST_RELEASE);
}

void rewrite_incrbyfloat(struct rewrite *rw)
{
    rewrite_script(rw, rewrite_target(rw) < 602 ? incrbyfloat_old_script : incrbyfloat_script, 1);
    rewrite_put(rw, rw->words[2]);
    rewrite_note(rw, "added as the source adds: doubles, written as the shortest text");
}

void rewrite_hincrbyfloat(struct rewrite *rw)
{
    rewrite_script(rw, hincrbyfloat_script, 1);
    rewrite_put_words(rw, 2, 4);
    rewrite_put_str(rw, keeps_field_time(rw) ? "1" : "0");
    rewrite_note(rw, "added as the source adds: doubles, written as the shortest text");
}

void rewrite_hincrby(struct rewrite *rw)
{
    if (!rw->options->target->member_ttl || keeps_field_time(rw)) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_begin(rw, "HINCRBY");
    rewrite_put_words(rw, 1, rw->count);
    rewrite_begin(rw, "HPERSIST");
    rewrite_put(rw, rw->words[1]);
    rewrite_put_str(rw, "FIELDS");
    rewrite_put_str(rw, "1");
    rewrite_put(rw, rw->words[2]);
}
