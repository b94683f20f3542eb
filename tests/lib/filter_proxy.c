/*
 * filter_proxy - stands in front of a Redis and lets through what it likes, as hosted services and proxies do.
 *
 *   filter-proxy ADDRESS PORT [--refuse NAME]... [--databases N] [--max-args N] [--max-bytes N]
 *
 * Listens on a free port of ADDRESS, which it prints, and passes commands on to PORT there, one after the other. A refused
 * command is unknown, there are N databases, and a request of more arguments or bytes is too large; a transaction with any
 * of these is not executed. A process for each connection; it runs until it is killed.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/tcp.h"

#define PIECE 65536

struct rules {
    char **refused;
    size_t refused_count;
    size_t databases, args_max, bytes_max; /* 0: any */
};

struct session {
    const struct rules *rules;
    int client, server;
    bool queueing, spoiled; /* a transaction; a part of it was refused */
};

static bool say(struct session *s, const char *text)
{
    return tcp_write_all(s->client, text, strlen(text));
}

static bool is(const redisReply *command, const char *name)
{
    return strcasecmp(command->element[0]->str, name) == 0;
}

static bool is_refused(const struct rules *r, const redisReply *command)
{
    for (size_t i = 0; i < r->refused_count; i++) {
        if (is(command, r->refused[i]))
            return true;
    }
    return false;
}

/* NULL: it may pass. */
static const char *find_fault(const struct rules *r, const redisReply *command)
{
    size_t bytes = 0;

    for (size_t i = 0; i < command->elements; i++)
        bytes += command->element[i]->len;
    if (is_refused(r, command))
        return "-ERR unknown command\r\n";
    if (r->databases != 0 && is(command, "SELECT") && command->elements == 2 &&
        strtoul(command->element[1]->str, NULL, 10) >= r->databases)
        return "-ERR DB index is out of range\r\n";
    if (r->args_max != 0 && command->elements > r->args_max)
        return "-ERR too many arguments\r\n";
    if (r->bytes_max != 0 && bytes > r->bytes_max)
        return "-ERR max request size exceeded\r\n";
    return NULL;
}

/* Sends it, and hands the reply on as it comes, or drops it. */
static bool pass_on(struct session *s, const redisReply *command, bool answer)
{
    const char **args = calloc(command->elements, sizeof(*args));
    size_t *sizes = calloc(command->elements, sizeof(*sizes));
    redisReader *reader = redisReaderCreate();
    char *text = NULL;
    char piece[PIECE];
    void *reply = NULL;
    bool good = args != NULL && sizes != NULL && reader != NULL;

    for (size_t i = 0; good && i < command->elements; i++) {
        args[i] = command->element[i]->str;
        sizes[i] = command->element[i]->len;
    }
    if (good) {
        long long n = redisFormatCommandArgv(&text, (int)command->elements, args, sizes);

        good = n > 0 && tcp_write_all(s->server, text, (size_t)n);
    }
    while (good && reply == NULL) {
        ssize_t n = recv(s->server, piece, sizeof(piece), 0);

        good = n > 0 && redisReaderFeed(reader, piece, (size_t)n) == REDIS_OK &&
               redisReaderGetReply(reader, &reply) == REDIS_OK &&
               (!answer || tcp_write_all(s->client, piece, (size_t)n));
    }
    freeReplyObject(reply);
    free(text);
    redisReaderFree(reader);
    free(sizes);
    free(args);
    return good;
}

static bool take(struct session *s, redisReply *command)
{
    const char *fault;

    if (command->type != REDIS_REPLY_ARRAY || command->elements == 0 ||
        command->element[0]->str == NULL)
        return false;
    fault = find_fault(s->rules, command);
    if (fault != NULL) {
        s->spoiled |= s->queueing;
        return say(s, fault);
    }
    if (is(command, "EXEC") && s->spoiled) {
        redisReply name = {.type = REDIS_REPLY_STRING, .str = (char[]){"DISCARD"}, .len = 7};
        redisReply *names[] = {&name};
        redisReply discard = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = names};

        s->queueing = s->spoiled = false;
        return pass_on(s, &discard, false) &&
               say(s, "-EXECABORT Transaction discarded because of previous errors.\r\n");
    }
    if (is(command, "MULTI"))
        s->queueing = true;
    if (is(command, "EXEC") || is(command, "DISCARD"))
        s->queueing = s->spoiled = false;
    return pass_on(s, command, true);
}

static void take_all(struct session *s)
{
    redisReader *reader = redisReaderCreate();
    char piece[PIECE];
    ssize_t n;

    while (reader != NULL && (n = recv(s->client, piece, sizeof(piece), 0)) > 0) {
        void *command;

        if (redisReaderFeed(reader, piece, (size_t)n) != REDIS_OK)
            return;
        while (redisReaderGetReply(reader, &command) == REDIS_OK && command != NULL) {
            bool good = take(s, command);

            freeReplyObject(command);
            if (!good)
                return;
        }
    }
}

static bool take_options(struct rules *r, int argc, char **argv)
{
    r->refused = calloc((size_t)argc, sizeof(*r->refused));
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--refuse") == 0)
            r->refused[r->refused_count++] = argv[i + 1];
        else if (strcmp(argv[i], "--databases") == 0)
            r->databases = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--max-args") == 0)
            r->args_max = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--max-bytes") == 0)
            r->bytes_max = strtoul(argv[i + 1], NULL, 10);
        else
            return false;
    }
    return argc % 2 == 1;
}

static void serve(void *context, int client, const struct sockaddr_in *to)
{
    struct session s = {.rules = context, .client = client, .server = tcp_connect(to)};

    if (s.server >= 0)
        take_all(&s);
}

int main(int argc, char **argv)
{
    struct rules rules = {0};

    if (argc < 3 || !take_options(&rules, argc, argv)) {
        fputs("usage: filter-proxy ADDRESS PORT [--refuse NAME]... [--databases N] [--max-args N] "
              "[--max-bytes N]\n",
              stderr);
        return 2;
    }
    return tcp_proxy(argv[1], argv[2], serve, &rules);
}
