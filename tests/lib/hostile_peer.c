/*
 * hostile_peer - a server that answers whatever it is asked with what no server says.
 *
 *   hostile-peer MODE
 *
 * line: a line without end. bulk: a string of 16 GiB, as far as it is taken. array: a thousand million
 * elements. nested: arrays in arrays without end. flood: one reply after the other. text: an error of
 * 60 KiB with control sequences. silent: nothing at all. Prints its port, then serves one connection after the other until it
 * is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/tcp.h"

#define PIECE_BYTES 65536u
#define TEXT_BYTES  60000u

struct mode {
    const char *name;
    const char *head; /* once */
    const char *body; /* again and again; NULL: nothing more */
};

static const struct mode modes[] = {
    {"line", "-ERR ", "endless "},
    {"bulk", "$17179869184\r\n", "endless "},
    {"array", "*1000000000\r\n", ":1\r\n"},
    {"nested", "", "*1\r\n"},
    {"flood", "", "+OK\r\n"},
    {"text", "-ERR \033]0;owned\007\033[2J", NULL},
    {"silent", "", NULL},
};

static void answer(int fd, const struct mode *mode)
{
    static char piece[PIECE_BYTES];
    size_t n = 0;

    if (!tcp_write_all(fd, mode->head, strlen(mode->head)))
        return;
    if (mode->body == NULL && mode->head[0] == '\0')
        return;
    if (mode->body == NULL) {
        memset(piece, '\033', TEXT_BYTES);
        (void)tcp_write_all(fd, piece, TEXT_BYTES);
        (void)tcp_write_all(fd, "\r\n", 2);
        return;
    }
    while (n + strlen(mode->body) <= sizeof(piece)) {
        memcpy(piece + n, mode->body, strlen(mode->body));
        n += strlen(mode->body);
    }
    while (tcp_write_all(fd, piece, n))
        ;
}

static void serve(int listener, const struct mode *mode)
{
    char asked[4096];

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        while (fd >= 0 && read(fd, asked, sizeof(asked)) > 0)
            answer(fd, mode);
        (void)close(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = tcp_listen(&address);

    if (listener < 0) {
        perror("hostile-peer");
        return 1;
    }
    for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[1], modes[i].name) != 0)
            continue;
        printf("%u\n", ntohs(address.sin_port));
        if (fflush(stdout) == 0)
            serve(listener, &modes[i]);
    }
    fputs("usage: hostile-peer MODE\n", stderr);
    return 2;
}
