#include "cmd/replay_args.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define GIVE_UP_MS 60000u

const char replay_help[] =
    "Usage: flowtape replay INPUT TARGET [OPTION...]\n"
    "\n"
    "Writes INPUT (a capture directory, a Dragonfly snapshot, an RDB file) into a running Redis.\n"
    "TARGET is redis://[[user]:password@]host[:port] or unix:/path. How far it is stands on the\n"
    "target itself: started again, it goes on there, and no record takes effect twice.\n"
    "\n"
    "  --at WHEN               stop at: snapshot, end (default), a time, or LSN,LSN,...\n"
    "  --generation N          of a capture (default: the newest complete one)\n"
    "  --follow                go on with what is added to the capture, until stopped\n"
    "  --from-start            begin again, over what an earlier run has written\n"
    "  --flush                 empty the target first (FLUSHALL)\n"
    "  --finish                remove the position from the target when everything is there\n"
    "  --forget                remove the position and do nothing else (INPUT is still named)\n"
    "  --on-conflict WHAT      keys that the target has before: replace (default), skip, fail\n"
    "  --db N[,N...]           only these databases\n"
    "  --key GLOB              only keys that fit (repeatable: any of them)\n"
    "  --no-key GLOB           not the keys that fit (repeatable)\n"
    "  --type TYPE[,TYPE...]   only string, list, set, zset, hash, stream, json, module; of\n"
    "                          captures with --at snapshot\n"
    "  --db-map RULE[,RULE...] 1:0 puts database 1 into 0, 2:drop leaves it out,\n"
    "                          *:prefix=db%d: puts the others into 0, under a prefix\n"
    "  --rename RULE           GLOB=prefix:TEXT or GLOB=strip:TEXT (repeatable, the first that\n"
    "                          fits counts)\n"
    "  --ttl keep|shift|drop   times to live as they are (default), counted from the beginning of\n"
    "                          the replay, or none\n"
    "  --on-loss fail|skip     what this Redis cannot hold: stop (default), or leave it out\n"
    "  --json-as module|string how JSON values are written (default: module on 8.0, else a loss)\n"
    "  --on-error stop|dead-letter=FILE\n"
    "                          commands that the target refuses though the source did not: stop\n"
    "                          (default), or write them to FILE and go on\n"
    "  --accept-errors         go on without the commands that an earlier run stopped at\n"
    "  --retry-dead-letter FILE  send the commands of FILE again, and do nothing else\n"
    "  --rate N|SIZE           keys and records a second, or bytes: 5000, 10MB\n"
    "  --pace max|recorded|xN  the journal as fast as it goes (default), as it was, N times that\n"
    "  --give-up-after TIME    how long a lost target is waited for (default 60s)\n"
    "  --password-file FILE    its first line; else FLOWTAPE_TARGET_PASSWORD is looked at\n"
    "  --report FILE           write the report as JSON\n"
    "  --json                  print the report as JSON\n"
    "  --quiet                 no progress, no summary\n"
    "  --help                  this text\n";

enum option_id {
    OPT_AT = 256,
    OPT_GENERATION,
    OPT_FOLLOW,
    OPT_FROM_START,
    OPT_FLUSH,
    OPT_FINISH,
    OPT_FORGET,
    OPT_ON_CONFLICT,
    OPT_DB,
    OPT_KEY,
    OPT_NO_KEY,
    OPT_TYPE,
    OPT_DB_MAP,
    OPT_RENAME,
    OPT_TTL,
    OPT_ON_LOSS,
    OPT_JSON_AS,
    OPT_ON_ERROR,
    OPT_ACCEPT_ERRORS,
    OPT_RETRY,
    OPT_RATE,
    OPT_PACE,
    OPT_GIVE_UP,
    OPT_PASSWORD_FILE,
    OPT_REPORT,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"at", required_argument, NULL, OPT_AT},
    {"generation", required_argument, NULL, OPT_GENERATION},
    {"follow", no_argument, NULL, OPT_FOLLOW},
    {"from-start", no_argument, NULL, OPT_FROM_START},
    {"flush", no_argument, NULL, OPT_FLUSH},
    {"finish", no_argument, NULL, OPT_FINISH},
    {"forget", no_argument, NULL, OPT_FORGET},
    {"on-conflict", required_argument, NULL, OPT_ON_CONFLICT},
    {"db", required_argument, NULL, OPT_DB},
    {"key", required_argument, NULL, OPT_KEY},
    {"no-key", required_argument, NULL, OPT_NO_KEY},
    {"type", required_argument, NULL, OPT_TYPE},
    {"db-map", required_argument, NULL, OPT_DB_MAP},
    {"rename", required_argument, NULL, OPT_RENAME},
    {"ttl", required_argument, NULL, OPT_TTL},
    {"on-loss", required_argument, NULL, OPT_ON_LOSS},
    {"json-as", required_argument, NULL, OPT_JSON_AS},
    {"on-error", required_argument, NULL, OPT_ON_ERROR},
    {"accept-errors", no_argument, NULL, OPT_ACCEPT_ERRORS},
    {"retry-dead-letter", required_argument, NULL, OPT_RETRY},
    {"rate", required_argument, NULL, OPT_RATE},
    {"pace", required_argument, NULL, OPT_PACE},
    {"give-up-after", required_argument, NULL, OPT_GIVE_UP},
    {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
    {"report", required_argument, NULL, OPT_REPORT},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* One of some words; *ret is its place. */
static int parse_choice(const char *option, const char *text, const char *const *words, int *ret,
                        struct ft_err *err)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i;
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE, "%s does not take \"%s\"; see --help", option, text);
}

static int parse_rate(struct replay_options *o, const char *text, struct ft_err *err)
{
    uint64_t *rate = strpbrk(text, "BKMGi") != NULL ? &o->rate_bytes : &o->rate_keys;

    if (parse_size(text, rate, err) != 0)
        return err_wrap(err, "--rate");
    return *rate != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--rate must not be 0");
}

static int parse_pace(struct replay_options *o, const char *text, struct ft_err *err)
{
    char *end = NULL;

    o->pace = strcmp(text, "max") == 0 ? REPLAY_PACE_MAX : REPLAY_PACE_RECORDED;
    o->pace_factor = 1;
    if (strcmp(text, "max") == 0 || strcmp(text, "recorded") == 0)
        return 0;
    if (text[0] == 'x')
        o->pace_factor = strtod(text + 1, &end);
    if (end == NULL || *end != '\0' || !(o->pace_factor >= 0.001 && o->pace_factor <= 1e6))
        return err_set(err, FT_ERR_USAGE, "--pace takes max, recorded or xN, not \"%s\"", text);
    return 0;
}

static int parse_on_error(struct replay_options *o, const char *text, struct ft_err *err)
{
    static const char dead[] = "dead-letter=";

    o->dead_letters = NULL;
    if (strcmp(text, "stop") == 0)
        return 0;
    if (strncmp(text, dead, strlen(dead)) != 0 || text[strlen(dead)] == '\0') {
        return err_set(err, FT_ERR_USAGE, "--on-error takes stop or dead-letter=FILE, not \"%s\"",
                       text);
    }
    o->dead_letters = text + strlen(dead);
    return 0;
}

static int parse_generation(struct replay_options *o, const char *text, struct ft_err *err)
{
    uint64_t n;

    if (parse_u64(text, &n, err) != 0)
        return err_wrap(err, "--generation");
    if (n == 0 || n > UINT32_MAX)
        return err_set(err, FT_ERR_USAGE, "--generation: generations count from 1");
    o->generation = (uint32_t)n;
    return 0;
}

static bool take_flag(struct replay_args *a, int id)
{
    struct {
        int id;
        bool *flag;
    } const flags[] = {
        {OPT_FOLLOW, &a->run.follow}, {OPT_FROM_START, &a->run.from_start},
        {OPT_FLUSH, &a->run.flush},   {OPT_FINISH, &a->run.finish},
        {OPT_FORGET, &a->run.forget}, {OPT_ACCEPT_ERRORS, &a->run.accept_errors},
        {OPT_JSON, &a->json},         {OPT_QUIET, &a->quiet},
        {OPT_HELP, &a->help},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (flags[i].id == id) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

static int take_choice(struct replay_options *o, int id, const char *value, struct ft_err *err)
{
    static const char *const conflicts[] = {"replace", "skip", "fail", NULL};
    static const char *const ttls[] = {"keep", "shift", "drop", NULL};
    static const char *const losses[] = {"skip", "fail", NULL};
    static const char *const jsons[] = {"module", "string", NULL};
    int choice = 0;
    int rc;

    switch (id) {
    case OPT_ON_CONFLICT:
        rc = parse_choice("--on-conflict", value, conflicts, &choice, err);
        o->on_conflict = (enum replay_conflict)choice;
        return rc;
    case OPT_TTL:
        rc = parse_choice("--ttl", value, ttls, &choice, err);
        o->ttl = (enum replay_ttl)choice;
        return rc;
    case OPT_ON_LOSS:
        rc = parse_choice("--on-loss", value, losses, &choice, err);
        o->fail_on_loss = choice == 1;
        return rc;
    default:
        rc = parse_choice("--json-as", value, jsons, &choice, err);
        o->json_as = choice == 0 ? JSON_AS_MODULE : JSON_AS_STRING;
        return rc;
    }
}

static int take_option(struct replay_args *a, int id, const char *value, struct ft_err *err)
{
    struct replay_options *o = &a->run;

    if (take_flag(a, id))
        return 0;
    switch (id) {
    case OPT_AT:
        o->at = value;
        return 0;
    case OPT_GENERATION:
        return parse_generation(o, value, err);
    case OPT_ON_CONFLICT:
    case OPT_TTL:
    case OPT_ON_LOSS:
    case OPT_JSON_AS:
        return take_choice(o, id, value, err);
    case OPT_DB:
        return filter_add_db(&o->filter, value, err);
    case OPT_KEY:
        return filter_add_key(&o->filter, value, err);
    case OPT_NO_KEY:
        return filter_add_no_key(&o->filter, value, err);
    case OPT_TYPE:
        return filter_add_type(&o->filter, value, err);
    case OPT_DB_MAP:
        return replay_map_add_dbs(&o->map, value, err);
    case OPT_RENAME:
        return replay_map_add_rename(&o->map, value, err);
    case OPT_ON_ERROR:
        return parse_on_error(o, value, err);
    case OPT_RETRY:
        o->retry_dead_letters = value;
        return 0;
    case OPT_RATE:
        return parse_rate(o, value, err);
    case OPT_PACE:
        return parse_pace(o, value, err);
    case OPT_GIVE_UP:
        return parse_duration(value, &o->give_up_ms, err);
    case OPT_PASSWORD_FILE:
        a->password_file = value;
        return 0;
    case OPT_REPORT:
        a->report = value;
        return 0;
    default: /* getopt has printed which option it does not know */
        return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
    }
}

static int take_target(struct replay_args *a, char *text, struct ft_err *err)
{
    if (uri_parse(text, &a->target, err) != 0)
        return -1;
    uri_hide_password(text);
    if (a->target.scheme == URI_DRAGONFLY)
        return err_set(err, FT_ERR_USAGE, "TARGET is a Redis: redis://... or unix:PATH");
    if (a->target.db != 0) {
        return err_set(err, FT_ERR_USAGE,
                       "TARGET names database %u; --db-map 0:%u puts database 0 there",
                       a->target.db, a->target.db);
    }
    a->run.target = &a->target;
    return uri_find_password(&a->target, a->password_file, "FLOWTAPE_TARGET_PASSWORD", err);
}

static int check(const struct replay_options *o, struct ft_err *err)
{
    if (o->from_start && o->on_conflict != REPLAY_CONFLICT_REPLACE) {
        return err_set(err, FT_ERR_USAGE,
                       "--from-start writes over what is there; it needs --on-conflict replace");
    }
    if (o->follow && (o->finish || strcmp(o->at, "end") != 0))
        return err_set(err, FT_ERR_USAGE, "--follow has no end: --at and --finish make no sense");
    return 0;
}

int replay_args_parse(struct replay_args *ret, int argc, char **argv, struct ft_err *err)
{
    int id;

    *ret = (struct replay_args){
        .run = {.at = "end", .fail_on_loss = true, .give_up_ms = GIVE_UP_MS, .cancel_fd = -1},
    };
    opterr = 1;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take_option(ret, id, optarg, err) != 0)
            return -1;
    }
    if (ret->help)
        return 0;
    if (argc - optind != 2)
        return err_set(err, FT_ERR_USAGE, "wanted INPUT and TARGET, got %d words", argc - optind);
    ret->run.input = argv[optind];
    if (take_target(ret, argv[optind + 1], err) != 0)
        return -1;
    return check(&ret->run, err);
}

void replay_args_release(struct replay_args *a)
{
    filter_release(&a->run.filter);
    replay_map_release(&a->run.map);
    uri_release(&a->target);
}
