#include "lib/t_socket.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/test_main.h"

static void *socket_main(void *arg)
{
    struct t_socket *s = arg;
    int fd = accept(s->listener, NULL, NULL);

    if (fd < 0)
        return NULL; /* nobody came: the listener was shut down */
    s->serve(fd, s->context);
    (void)close(fd);
    return NULL;
}

void t_socket_start(struct t_socket *s, t_socket_fn *serve, void *context)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *s = (struct t_socket){.dir = "/tmp/flowtape-test-XXXXXX", .serve = serve, .context = context};
    assert_non_null(mkdtemp(s->dir));
    s->uri.scheme = URI_UNIX;
    (void)snprintf(s->uri.host, sizeof(s->uri.host), "%s/s", s->dir);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", s->dir);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, socket_main, s), 0);
}

void t_socket_start_tcp(struct t_socket *s, t_socket_fn *serve, void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    *s = (struct t_socket){.uri.scheme = URI_REDIS, .serve = serve, .context = context};
    (void)snprintf(s->uri.host, sizeof(s->uri.host), "127.0.0.1");
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    s->uri.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, socket_main, s), 0);
}

void t_socket_end(struct t_socket *s)
{
    (void)shutdown(s->listener, SHUT_RDWR); /* a connection that waits is accepted all the same */
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listener);
    if (s->dir[0] != '\0') {
        (void)unlink(s->uri.host);
        (void)rmdir(s->dir);
    }
}

static void answer(int fd, void *context)
{
    struct t_replies *r = context;
    size_t used = 0;

    for (size_t i = 0; r->replies[i] != NULL; i++) {
        ssize_t n = recv(fd, r->asked + used, sizeof(r->asked) - 1 - used, 0);

        if (n <= 0)
            break;
        used += (size_t)n;
        if (send(fd, r->replies[i], strlen(r->replies[i]), MSG_NOSIGNAL) < 0)
            break;
    }
}

void t_replies_start(struct t_replies *r)
{
    memset(r->asked, 0, sizeof(r->asked));
    t_socket_start(&r->socket, answer, r);
}
