/* SPDX-License-Identifier: Apache-2.0 */
/* Where the upstream client goes: names, addresses, proxies, webhooks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "upstream_peer.h"

#include <rt/outbound.h>

/* A resolver that says what the test wants, and counts. */
struct book {
    struct world_real_address addresses[4];
    size_t count;
    atomic_int asked;
    atomic_bool hangs;
    atomic_bool fails;
};

static bool look_in_book(void *resolver, const char *host, struct world_real_address *addresses,
                         size_t room, size_t *ret_count) {
    struct book *book = resolver;
    (void)room;
    atomic_fetch_add(&book->asked, 1);
    while (atomic_load(&book->hangs) && strstr(host, "slow"))
        usleep(10000);
    if (atomic_load(&book->fails))
        return false;
    memcpy(addresses, book->addresses, book->count * sizeof *addresses);
    *ret_count = book->count;
    return book->count > 0;
}

static void book_one(struct book *book, unsigned char a, unsigned char b, unsigned char c,
                     unsigned char d) {
    memset(book, 0, sizeof *book);
    book->addresses[0] = (struct world_real_address){.family = AF_INET, .bytes = {a, b, c, d}};
    book->count = 1;
}

static struct world *open_world(const char *permit, struct book *book, int64_t live_us) {
    struct world *world = NULL;
    struct till_error err;
    struct world_real_options options = {.permit = till_str_of(permit),
                                         .upstream_threads = 1,
                                         .connect_timeout_us = 300000,
                                         .resolve = look_in_book,
                                         .resolver = book,
                                         .names_live_us = live_us};
    assert_true(world_real_open(&options, &world, &err));
    return world;
}

static void answer_well(struct peer *peer, int fd, int nth) {
    (void)nth;
    while (peer_read_request(peer, fd))
        peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static struct till_str named_url(const struct peer *peer, const char *host) {
    static _Thread_local char url[256];
    snprintf(url, sizeof url, "http://%s:%u/hook", host, peer->port);
    return till_str_of(url);
}

static struct asked go(struct world *world, struct till_str url, enum world_errand errand) {
    struct world_request request = peer_request(url);
    request.errand = errand;
    request.timeout_us = 2000000;
    return peer_ask(world, &request);
}

static void s_102_a_name_that_turns_local_after_saving_is_not_connected_to(void **state) {
    (void)state;
    struct peer peer;
    struct book book;
    struct till_error err;
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    struct world *world = open_world("", &book, 0);
    /* The text alone was fine when it was saved. */
    assert_true(
        outbound_url_check(world_real_policy(world), named_url(&peer, "hooks.example.com"), &err));
    static const enum world_errand ERRANDS[] = {WORLD_WEBHOOK, WORLD_PLATFORM};
    for (size_t i = 0; i < 2; i++) {
        struct asked asked = go(world, named_url(&peer, "hooks.example.com"), ERRANDS[i]);
        assert_int_equal(asked.fate, TILL_FATE_UNSENT);
        assert_string_equal(asked.stage, "policy");
        assert_non_null(strstr(asked.reason, "outbound.permit"));
    }
    /* Also as one of several, and in disguise. */
    book.addresses[1] = (struct world_real_address){
        .family = AF_INET6, .bytes = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    book.count = 2;
    assert_int_equal(go(world, named_url(&peer, "two.example.com"), WORLD_WEBHOOK).fate,
                     TILL_FATE_UNSENT);
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 0);
}

/* A kept connection leads to where the withdrawn exception allowed, whatever the name says now. */
static void no_connection_outlives_the_policy_it_was_opened_under(void **state) {
    (void)state;
    struct peer peer;
    struct book book;
    char permit[64], wider[96];
    struct outbound_policy *policy;
    struct till_error err;
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    snprintf(permit, sizeof permit, "127.0.0.1:%u", peer.port);
    snprintf(wider, sizeof wider, "127.0.0.1:%u,10.0.0.1:80", peer.port);
    struct world *world = open_world(permit, &book, 0);
    struct till_str url = named_url(&peer, "hooks.example.com");
    for (int i = 0; i < 3; i++)
        assert_int_equal(go(world, url, WORLD_WEBHOOK).fate, TILL_FATE_ANSWERED);
    assert_int_equal(peer.connections, 1);
    assert_true(outbound_policy_parse(till_str_of(wider), &policy, &err));
    world_real_adjust(world, policy, 300000);
    assert_int_equal(go(world, url, WORLD_WEBHOOK).fate, TILL_FATE_ANSWERED);
    assert_int_equal(peer.connections, 2);
    usleep(2500000);
    int before = peer.connections;
    assert_int_equal(go(world, url, WORLD_WEBHOOK).fate, TILL_FATE_ANSWERED);
    assert_true(peer.connections <= before + 1);
    before = peer.connections;
    for (int i = 0; i < 3; i++)
        assert_int_equal(go(world, url, WORLD_WEBHOOK).fate, TILL_FATE_ANSWERED);
    assert_int_equal(peer.connections, before);
    assert_true(outbound_policy_parse(TILL_STR(""), &policy, &err));
    world_real_adjust(world, policy, 300000);
    struct asked asked = go(world, url, WORLD_WEBHOOK);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "policy");
    assert_int_equal(peer.connections, before);
    world_real_close(world);
    peer_stop(&peer);
}

static void s_102_the_checked_address_is_the_one_used(void **state) {
    (void)state;
    struct peer peer;
    struct book book;
    char permit[64];
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    snprintf(permit, sizeof permit, "127.0.0.1:%u", peer.port);
    struct world *world = open_world(permit, &book, 0);
    /* "hooks.example.com" has no such address in any real name service: only the book's can be
     * meant. */
    struct asked asked = go(world, named_url(&peer, "hooks.example.com"), WORLD_WEBHOOK);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_int_equal(peer.connections, 1);
    assert_non_null(strstr(peer.last, "Host: hooks.example.com:"));
    /* A forbidden address beside a permitted one is left out, not tried. */
    book.addresses[1] = book.addresses[0];
    book.addresses[0] = (struct world_real_address){.family = AF_INET, .bytes = {127, 0, 0, 2}};
    book.count = 2;
    asked = go(world, named_url(&peer, "other.example.com"), WORLD_WEBHOOK);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 2);
}

static void only_our_own_tools_reach_this_machine_without_an_exception(void **state) {
    (void)state;
    struct peer peer;
    struct book book;
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    struct world *world = open_world("", &book, 0);
    assert_int_equal(go(world, peer_url(&peer, "/"), WORLD_LOCAL).fate, TILL_FATE_ANSWERED);
    assert_int_equal(go(world, named_url(&peer, "localhost"), WORLD_LOCAL).fate,
                     TILL_FATE_ANSWERED);
    /* The connection that the tool left open is not lent to others. */
    static const enum world_errand ERRANDS[] = {WORLD_WEBHOOK, WORLD_PLATFORM};
    for (size_t i = 0; i < 2; i++) {
        struct asked asked = go(world, peer_url(&peer, "/"), ERRANDS[i]);
        assert_int_equal(asked.fate, TILL_FATE_UNSENT);
        assert_string_equal(asked.stage, "policy");
        asked = go(world, named_url(&peer, "localhost"), ERRANDS[i]);
        assert_int_equal(asked.fate, TILL_FATE_UNSENT);
        assert_string_equal(asked.stage, "policy");
    }
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.requests, 2);
}

static void redirect_inwards(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.5/\r\nContent-Length: 0\r\n\r\n");
    peer_wait(peer, fd);
}

static void s_103_a_webhooks_redirect_is_not_followed(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, redirect_inwards);
    struct world *world = peer_world(&peer);
    struct world_request request = peer_request(peer_url(&peer, "/hook"));
    request.errand = WORLD_WEBHOOK;
    request.keep_prefix = true;
    request.once = false;
    struct asked asked = peer_ask(world, &request);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_int_equal(asked.status, 302);
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.requests, 1);
}

static void s_104_a_mapped_literal_is_refused_when_sending_too(void **state) {
    (void)state;
    struct peer peer;
    struct book book;
    char url[128];
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    struct world *world = open_world("", &book, 0);
    snprintf(url, sizeof url, "http://[::ffff:127.0.0.1]:%u/hook", peer.port);
    struct asked asked = go(world, till_str_of(url), WORLD_WEBHOOK);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "policy");
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 0);
}

static void flood(struct peer *peer, int fd, int nth) {
    (void)nth;
    char block[4096];
    memset(block, 'x', sizeof block);
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\n\r\n");
    while (!peer->closing && peer->bytes < 1000000000) {
        if (send(fd, block, sizeof block, MSG_NOSIGNAL) <= 0)
            return;
    }
}

static void drip_for_ever(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (!peer->closing) {
        if (send(fd, "1\r\nx\r\n", 6, MSG_NOSIGNAL) <= 0)
            return;
        usleep(100000);
    }
}

static void s_109_an_endless_answer_of_a_webhook_is_read_a_little_and_counts(void **state) {
    (void)state;
    static peer_script *const SCRIPTS[] = {flood, drip_for_ever};
    for (size_t i = 0; i < 2; i++) {
        struct peer peer;
        peer_start(&peer, SCRIPTS[i]);
        struct world *world = peer_world(&peer);
        struct world_request request = peer_request(peer_url(&peer, "/hook"));
        request.errand = WORLD_WEBHOOK;
        request.keep_prefix = true;
        request.once = false;
        request.answer_max = 2048;
        request.timeout_us = 500000;
        struct asked asked = peer_ask(world, &request);
        assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
        assert_int_equal(asked.status, 200);
        if (i == 0)
            assert_int_equal(asked.body_len, 2048);
        assert_true(asked.duration_us < 5000000);
        world_real_close(world);
        peer_stop(&peer);
    }
}

static void close_within_the_head(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
}

static void a_webhooks_half_head_is_not_delivered(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, close_within_the_head);
    struct world *world = peer_world(&peer);
    struct world_request request = peer_request(peer_url(&peer, "/hook"));
    request.errand = WORLD_WEBHOOK;
    request.keep_prefix = true;
    assert_int_equal(peer_ask(world, &request).fate, TILL_FATE_LOST);
    world_real_close(world);
    peer_stop(&peer);
}

static void proxies_of_the_environment_are_ignored(void **state) {
    (void)state;
    struct peer peer, proxy;
    char address[64];
    peer_start(&peer, answer_well);
    peer_start(&proxy, answer_well);
    snprintf(address, sizeof address, "http://127.0.0.1:%u", proxy.port);
    setenv("http_proxy", address, 1);
    setenv("https_proxy", address, 1);
    setenv("all_proxy", address, 1);
    struct world *world = peer_world(&peer);
    struct asked asked = go(world, peer_url(&peer, "/"), WORLD_PLATFORM);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    world_real_close(world);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    peer_stop(&peer);
    peer_stop(&proxy);
    assert_int_equal(peer.requests, 1);
    assert_int_equal(proxy.connections, 0);
}

static void a_name_without_an_address_is_unsent(void **state) {
    (void)state;
    struct peer peer;
    struct book book = {.count = 0};
    peer_start_refusing(&peer);
    struct world *world = open_world("", &book, 0);
    struct asked asked = go(world, named_url(&peer, "nobody.example.com"), WORLD_PLATFORM);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "dns");
    world_real_close(world);
    peer_stop(&peer);
}

struct errand_thread {
    struct world *world;
    struct till_str url;
    enum world_errand errand;
    struct asked asked;
};

static void *run_errand(void *arg) {
    struct errand_thread *own = arg;
    own->asked = go(own->world, own->url, own->errand);
    return NULL;
}

static void a_hanging_resolver_delays_only_its_own_callers(void **state) {
    (void)state;
    enum { SLOW = 12 };
    struct peer peer;
    static struct book book; /* a resolver thread may look at it after the world is gone */
    char permit[64], urls[SLOW][96];
    pthread_t threads[SLOW];
    struct errand_thread errands[SLOW];
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    book.hangs = true;
    snprintf(permit, sizeof permit, "127.0.0.1:%u", peer.port);
    struct world *world = open_world(permit, &book, 0);
    /* A name that is known already, then as many hanging merchants as there are resolver threads
     * and more. */
    assert_int_equal(go(world, named_url(&peer, "known.example.com"), WORLD_WEBHOOK).fate,
                     TILL_FATE_ANSWERED);
    for (int i = 0; i < SLOW; i++) {
        snprintf(urls[i], sizeof urls[i], "http://slow%d.example.com:%u/", i, peer.port);
        errands[i] = (struct errand_thread){world, till_str_of(urls[i]), WORLD_WEBHOOK, {0}};
        pthread_create(&threads[i], NULL, run_errand, &errands[i]);
    }
    usleep(50000);
    int64_t start_us = peer_now_us();
    assert_int_equal(go(world, named_url(&peer, "known.example.com"), WORLD_WEBHOOK).fate,
                     TILL_FATE_ANSWERED);
    assert_int_equal(go(world, named_url(&peer, "platform.example.com"), WORLD_PLATFORM).fate,
                     TILL_FATE_ANSWERED);
    assert_true(peer_now_us() - start_us < 1500000);
    for (int i = 0; i < SLOW; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(errands[i].asked.fate, TILL_FATE_UNSENT);
        assert_string_equal(errands[i].asked.stage, "dns");
        assert_in_range(errands[i].asked.duration_us, 1990000, 8000000);
    }
    /* Closing does not wait for the resolver either. */
    start_us = peer_now_us();
    world_real_close(world);
    assert_true(peer_now_us() - start_us < 1500000);
    book.hangs = false;
    peer_stop(&peer);
    usleep(100000); /* the last resolver threads look at the book */
}

static void one_question_serves_many_and_an_old_answer_outlives_a_silent_resolver(void **state) {
    (void)state;
    struct peer peer;
    struct book book;
    char permit[64];
    peer_start(&peer, answer_well);
    book_one(&book, 127, 0, 0, 1);
    snprintf(permit, sizeof permit, "127.0.0.1:%u", peer.port);
    struct world *world = open_world(permit, &book, 200000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(go(world, named_url(&peer, "a.example.com"), WORLD_PLATFORM).fate,
                         TILL_FATE_ANSWERED);
    assert_int_equal(book.asked, 1);
    usleep(250000);
    assert_int_equal(go(world, named_url(&peer, "a.example.com"), WORLD_PLATFORM).fate,
                     TILL_FATE_ANSWERED);
    assert_int_equal(book.asked, 2);
    usleep(250000);
    book.fails = true;
    assert_int_equal(go(world, named_url(&peer, "a.example.com"), WORLD_PLATFORM).fate,
                     TILL_FATE_ANSWERED);
    assert_int_equal(book.asked, 3);
    assert_int_equal(go(world, named_url(&peer, "new.example.com"), WORLD_PLATFORM).fate,
                     TILL_FATE_UNSENT);
    world_real_close(world);
    peer_stop(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_102_a_name_that_turns_local_after_saving_is_not_connected_to),
        cmocka_unit_test(no_connection_outlives_the_policy_it_was_opened_under),
        cmocka_unit_test(s_102_the_checked_address_is_the_one_used),
        cmocka_unit_test(only_our_own_tools_reach_this_machine_without_an_exception),
        cmocka_unit_test(s_103_a_webhooks_redirect_is_not_followed),
        cmocka_unit_test(s_104_a_mapped_literal_is_refused_when_sending_too),
        cmocka_unit_test(s_109_an_endless_answer_of_a_webhook_is_read_a_little_and_counts),
        cmocka_unit_test(a_webhooks_half_head_is_not_delivered),
        cmocka_unit_test(proxies_of_the_environment_are_ignored),
        cmocka_unit_test(a_name_without_an_address_is_unsent),
        cmocka_unit_test(a_hanging_resolver_delays_only_its_own_callers),
        cmocka_unit_test(one_question_serves_many_and_an_old_answer_outlives_a_silent_resolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
