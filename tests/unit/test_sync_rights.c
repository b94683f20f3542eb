/* What the source of a sync does not allow, as far as it can be known. */
#include "sync/sync_rights.h"

#include "lib/t_peer.h"
#include "lib/test_main.h"

#define NOPERM "-NOPERM this user has no permissions to run the 'replconf' command\r\n"

static int check(const struct t_peer_rule *rules, size_t count, struct ft_err *err)
{
    struct t_peers peers;
    struct sync_options options = {.cancel_fd = -1, .capture.give_up_after_ms = 60000};
    struct uri uri;
    int rc;

    memset(&peers, 0, sizeof(peers));
    t_peers_start(&peers, 1, rules, count);
    uri = t_peers_uri(&peers, 0);
    options.capture.source = &uri;
    rc = sync_check_rights(&options, err);
    t_peers_end(&peers);
    return rc;
}

/* It counts whatever comes of the question after it. */
static void test_a_lack_that_is_known(void **state)
{
    const struct t_peer_rule answers[] = {{0, "REPLCONF", NOPERM, 0}, {0, "ACL", "-ERR\r\n", 0}};
    const struct t_peer_rule closes[] = {{0, "REPLCONF", NOPERM, 0}, {0, "ACL", "", 0}};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_fails(check(answers, 2, &err), &err, FT_ERR_PROTOCOL, "does not allow REPLCONF");
    t_fails(check(closes, 2, &err), &err, FT_ERR_PROTOCOL, "does not allow REPLCONF");
}

static void test_what_is_not_known(void **state)
{
    const struct t_peer_rule closes[] = {{0, "REPLCONF", "", 0}};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(check(closes, 1, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lack_that_is_known),
        cmocka_unit_test(test_what_is_not_known),
    };

    return T_RUN("sync/sync_rights", tests);
}
