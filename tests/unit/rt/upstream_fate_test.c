/* SPDX-License-Identifier: Apache-2.0 */
/* Every way an exchange can end, over plain sockets (ENGINEERING-NOTES section 2, its table and
 * rules). */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "upstream_peer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"

static struct asked meet(struct peer *peer, const struct world_request *base, const char *path) {
    struct world *world = peer_world(peer);
    struct world_request request = *base;
    request.url = peer_url(peer, path);
    struct asked asked = peer_ask(world, &request);
    world_real_close(world);
    return asked;
}

/* One exchange with a fresh client and one script. */
static struct asked meet_script(peer_script *script, const struct world_request *base,
                                struct peer *peer) {
    peer_start(peer, script);
    struct asked asked = meet(peer, base, "/gateway.do?charset=utf-8");
    peer_stop(peer);
    return asked;
}

static void lost(const struct asked *asked, const char *stage) {
    assert_int_equal(asked->fate, TILL_FATE_LOST);
    assert_int_equal(asked->status, 0);
    assert_int_equal(asked->body_len, 0);
    assert_string_equal(asked->stage, stage);
    assert_true(strlen(asked->reason) > 10);
}

static void answer_well(struct peer *peer, int fd, int nth) {
    (void)nth;
    while (peer_read_request(peer, fd))
        peer_write(fd, OK_HEAD "{\"code\":\"ok\"}");
}

static void a_complete_answer_is_answered(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    const struct till_pair headers[] = {
        {TILL_STR("Content-Type"), TILL_STR("application/x-www-form-urlencoded;charset=utf-8")},
        {TILL_STR("traceparent"),
         TILL_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
        {TILL_STR("X-Empty"), TILL_STR_NONE}};
    request.headers = headers;
    request.header_count = 3;
    struct asked asked = meet_script(answer_well, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_int_equal(asked.status, 200);
    assert_string_equal(asked.body, "{\"code\":\"ok\"}");
    assert_string_equal(asked.content_type, "application/json");
    assert_string_equal(asked.stage, "done");
    assert_non_null(strstr(peer.last, "POST /gateway.do?charset=utf-8 HTTP/1.1\r\n"));
    assert_non_null(
        strstr(peer.last, "\r\nContent-Type: application/x-www-form-urlencoded;charset=utf-8\r\n"));
    assert_non_null(strstr(peer.last, "\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-"));
    assert_non_null(strstr(peer.last, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(peer.last, "\r\nContent-Length: 10\r\n"));
    assert_null(strcasestr(peer.last, "expect:"));
    assert_non_null(strstr(peer.last, "\r\n\r\namount=990"));
}

static void answer_the_method(struct peer *peer, int fd, int nth) {
    (void)nth;
    while (peer_read_request(peer, fd))
        peer_write(fd, "HTTP/1.1 204 No Content\r\nRetry-After: 120\r\n\r\n");
}

static void methods_and_empty_bodies_go_out_as_asked(void **state) {
    (void)state;
    static const char *const METHODS[] = {"GET", "DELETE", "HEAD", "PUT", "POST"};
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        struct peer peer;
        char line[64];
        struct world_request request = peer_request(TILL_STR_NONE);
        request.method = till_str_of(METHODS[i]);
        request.body = TILL_STR_NONE;
        struct asked asked = meet_script(answer_the_method, &request, &peer);
        assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
        assert_int_equal(asked.status, 204);
        assert_string_equal(asked.retry_after, "120");
        snprintf(line, sizeof line, "%s /gateway.do", METHODS[i]);
        assert_int_equal(strncmp(peer.last, line, strlen(line)), 0);
    }
}

static void a_refused_connection_is_unsent(void **state) {
    (void)state;
    struct peer peer;
    peer_start_refusing(&peer);
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet(&peer, &request, "/");
    peer_stop(&peer);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "connect");
}

static void a_connection_that_is_never_made_is_unsent_within_its_time(void **state) {
    (void)state;
    /* A listener whose queue is full drops further handshakes. */
    struct peer peer;
    peer_start_refusing(&peer);
    assert_int_equal(listen(peer.listener, 0), 0);
    int fillers[8];
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    getsockname(peer.listener, (struct sockaddr *)&address, &len);
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int ignored = connect(fillers[i], (struct sockaddr *)&address, len);
        (void)ignored;
    }
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet(&peer, &request, "/");
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    peer_stop(&peer);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "connect");
    assert_in_range(asked.duration_us, 250000, 1900000);
}

static void reset_at_once(struct peer *peer, int fd, int nth) {
    (void)peer, (void)nth;
    peer_reset(fd);
    usleep(20000);
}

static void a_reset_after_accept_is_lost(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(reset_at_once, &request, &peer);
    lost(&asked, "wait");
}

static void close_at_once(struct peer *peer, int fd, int nth) {
    (void)peer, (void)nth;
    shutdown(fd, SHUT_WR);
    usleep(50000);
}

static void a_close_after_accept_is_lost(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(close_at_once, &request, &peer);
    lost(&asked, "wait");
}

static void read_and_reset(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_reset(fd);
}

static void read_and_close(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
}

static void a_request_read_and_not_answered_is_lost(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(read_and_reset, &request, &peer);
    lost(&asked, "wait");
    assert_int_equal(peer.posts, 1);
    asked = meet_script(read_and_close, &request, &peer);
    lost(&asked, "wait");
    assert_int_equal(peer.posts, 1);
}

static void stay_silent(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_wait(peer, fd);
}

static void silence_is_lost_at_the_deadline(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    request.timeout_us = 300000;
    struct asked asked = meet_script(stay_silent, &request, &peer);
    lost(&asked, "wait");
    assert_in_range(asked.duration_us, 290000, 5000000);
    assert_int_equal(peer.posts, 1);
}

static void read_a_little_and_reset(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_bytes(peer, fd, 300);
    usleep(50000);
    peer_reset(fd);
}

static void half_of_a_large_body_sent_is_lost(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    size_t len = 32 * 1024 * 1024;
    char *body = calloc(1, len);
    memset(body, 'x', len);
    request.body = (struct till_str){body, len};
    struct asked asked = meet_script(read_a_little_and_reset, &request, &peer);
    lost(&asked, "write");
    free(body);
}

static void status_line_only(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\n");
}

static void half_a_head(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/pl");
}

static void only_a_100(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void a_head_without_its_end_is_lost_although_libcurl_calls_it_200(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(status_line_only, &request, &peer);
    lost(&asked, "read");
    asked = meet_script(half_a_head, &request, &peer);
    lost(&asked, "read");
    asked = meet_script(only_a_100, &request, &peer);
    lost(&asked, "read");
}

static void continue_then_answer(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd,
               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
}

static void an_interim_answer_does_not_confuse(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(continue_then_answer, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_int_equal(asked.status, 201);
    assert_string_equal(asked.body, "ok");
}

static void cut_the_body(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, OK_HEAD "{\"code\"");
}

static void cut_the_chunks(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
}

static void a_body_cut_short_is_lost(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(cut_the_body, &request, &peer);
    lost(&asked, "read");
    asked = meet_script(cut_the_chunks, &request, &peer);
    lost(&asked, "read");
}

static void speak_no_http(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "220 mail.example ESMTP\r\nwhatever\r\n");
}

static void another_protocol_is_lost(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(speak_no_http, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_LOST);
    assert_int_equal(asked.body_len, 0);
}

static void drip(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 100 && !peer->closing; i++) {
        peer_write(fd, "x");
        usleep(50000);
    }
}

static void drip_the_head(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100 && !peer->closing; i++) {
        peer_write(fd, i == 0 ? "X-Long: " : "a");
        usleep(50000);
    }
}

static void s_086_a_dripped_answer_is_cut_at_the_deadline(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    request.timeout_us = 400000;
    struct asked asked = meet_script(drip, &request, &peer);
    lost(&asked, "read");
    assert_in_range(asked.duration_us, 390000, 4000000);
    asked = meet_script(drip_the_head, &request, &peer);
    lost(&asked, "read");
    assert_in_range(asked.duration_us, 390000, 4000000);
}

static void redirect(struct peer *peer, int fd, int nth) {
    (void)nth;
    char head[256];
    peer_read_request(peer, fd);
    snprintf(
        head, sizeof head,
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/evil\r\nContent-Length: 0\r\n\r\n",
        peer->port);
    peer_write(fd, head);
    peer_wait(peer, fd);
}

static void s_088_a_redirect_is_an_answer_and_is_not_followed(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(redirect, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_int_equal(asked.status, 302);
    assert_int_equal(peer.requests, 1);
    assert_int_equal(peer.connections, 1);
}

static void answer_html(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
                   "19\r\n\r\n<html>Sorry.</html>");
}

static void answer_nothing(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void flood(struct peer *peer, int fd, int nth) {
    (void)nth;
    char block[4096];
    memset(block, ' ', sizeof block);
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{");
    for (int i = 0; i < 2560 && !peer->closing; i++)
        peer_write_bytes(fd, block, sizeof block);
}

static void s_089_html_and_nothing_are_handed_on_and_ten_mebibytes_are_cut(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(answer_html, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_string_equal(asked.content_type, "text/html");
    assert_string_equal(asked.body, "<html>Sorry.</html>");
    asked = meet_script(answer_nothing, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_int_equal(asked.body_len, 0);
    asked = meet_script(flood, &request, &peer);
    lost(&asked, "read");
    assert_non_null(strstr(asked.reason, "larger than its limit"));
}

static void answer_exactly_the_cap(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, OK_HEAD "{\"code\":\"ok\"}");
}

static void the_cap_counts_to_the_byte(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    request.answer_max = 13;
    struct asked asked = meet_script(answer_exactly_the_cap, &request, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    request.answer_max = 12;
    asked = meet_script(answer_exactly_the_cap, &request, &peer);
    lost(&asked, "read");
}

/* gzip of 4 MiB of zeros would do; the pieces below are a stored-size header and repeated deflate
 * blocks. */
static void bomb(struct peer *peer, int fd, int nth) {
    (void)nth;
    char path[64], command[160];
    static atomic_int serial;
    snprintf(path, sizeof path, "/tmp/till-bomb-%d-%d.gz", (int)getpid(),
             atomic_fetch_add(&serial, 1));
    snprintf(command, sizeof command, "head -c 67108864 /dev/zero | gzip -9 >%s", path);
    peer_read_request(peer, fd);
    if (system(command) != 0)
        return;
    FILE *file = fopen(path, "rb");
    char bytes[65536];
    size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    unlink(path);
    peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    peer_write_bytes(fd, bytes, len);
}

static void s_090_a_gzip_bomb_is_cut_at_the_decoded_limit(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    request.timeout_us = 10000000;
    struct asked asked = meet_script(bomb, &request, &peer);
    lost(&asked, "read");
    assert_non_null(strstr(asked.reason, "larger than its limit"));
}

static void endless_head(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_write(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100000 && !peer->closing; i++)
        peer_write(fd,
                   "X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
}

static void endless_interim(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    for (int i = 0; i < 100000 && !peer->closing; i++)
        peer_write(fd, "HTTP/1.1 102 Processing\r\n\r\n");
}

static void an_endless_head_is_cut(void **state) {
    (void)state;
    struct peer peer;
    struct world_request request = peer_request(TILL_STR_NONE);
    struct asked asked = meet_script(endless_head, &request, &peer);
    lost(&asked, "read");
    assert_non_null(strstr(asked.reason, "head was larger"));
    asked = meet_script(endless_interim, &request, &peer);
    lost(&asked, "read");
}

/* -------- kept-alive connections */

/* The first request of a connection is answered; the second is read and the connection closed. */
static void answer_once_then_close(struct peer *peer, int fd, int nth) {
    if (!peer_read_request(peer, fd))
        return;
    peer_write(fd, OK_HEAD "{\"code\":\"ok\"}");
    if (nth == 1)
        peer_read_request(peer, fd);
}

static void answer_once_then_reset(struct peer *peer, int fd, int nth) {
    answer_once_then_close(peer, fd, nth);
    peer_reset(fd);
}

static struct asked second_of_two(peer_script *script, bool once, struct peer *peer) {
    peer_start(peer, script);
    struct world *world = peer_world(peer);
    struct world_request request = peer_request(peer_url(peer, "/"));
    request.once = once;
    struct asked first = peer_ask(world, &request);
    assert_int_equal(first.fate, TILL_FATE_ANSWERED);
    struct asked second = peer_ask(world, &request);
    world_real_close(world);
    peer_stop(peer);
    return second;
}

static void a_money_call_on_a_dying_connection_is_sent_once_and_lost(void **state) {
    (void)state;
    static peer_script *const SCRIPTS[] = {answer_once_then_close, answer_once_then_reset};
    for (size_t i = 0; i < 2; i++) {
        struct peer peer;
        struct asked asked = second_of_two(SCRIPTS[i], true, &peer);
        lost(&asked, "wait");
        assert_int_equal(peer.posts,
                         2); /* one for the first exchange, exactly one for the second */
    }
}

static void a_query_on_a_dying_connection_may_be_repeated(void **state) {
    (void)state;
    static peer_script *const SCRIPTS[] = {answer_once_then_close, answer_once_then_reset};
    for (size_t i = 0; i < 2; i++) {
        struct peer peer;
        struct asked asked = second_of_two(SCRIPTS[i], false, &peer);
        assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
        assert_int_equal(peer.posts, 3);
        assert_int_equal(peer.connections, 2);
    }
}

static void connections_are_kept_and_used_again(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, answer_well);
    struct world *world = peer_world(&peer);
    struct world_request request = peer_request(peer_url(&peer, "/"));
    for (int i = 0; i < 20; i++)
        assert_int_equal(peer_ask(world, &request).fate, TILL_FATE_ANSWERED);
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.requests, 20);
    assert_int_equal(peer.connections, 1);
}

static void a_header_or_method_that_splits_the_request_is_refused(void **state) {
    (void)state;
    static const struct till_pair BAD[] = {
        {TILL_STR_INIT("X-A"), TILL_STR_INIT("a\r\nX-B: b")},
        {TILL_STR_INIT("X A"), TILL_STR_INIT("a")},
        {TILL_STR_INIT(""), TILL_STR_INIT("a")},
        {TILL_STR_INIT("Content-Length"), TILL_STR_INIT("3")},
        {TILL_STR_INIT("transfer-encoding"), TILL_STR_INIT("chunked")},
        {TILL_STR_INIT("Host"), TILL_STR_INIT("other")},
    };
    struct peer peer;
    peer_start(&peer, answer_well);
    struct world *world = peer_world(&peer);
    struct world_request request = peer_request(peer_url(&peer, "/"));
    request.header_count = 1;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        request.headers = &BAD[i];
        struct asked asked = peer_ask(world, &request);
        assert_int_equal(asked.fate, TILL_FATE_UNSENT);
        assert_string_equal(asked.stage, "policy");
    }
    request.header_count = 0;
    request.method = TILL_STR("GET / HTTP/1.1\r\nX");
    assert_int_equal(peer_ask(world, &request).fate, TILL_FATE_UNSENT);
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_answer_is_answered),
        cmocka_unit_test(methods_and_empty_bodies_go_out_as_asked),
        cmocka_unit_test(a_refused_connection_is_unsent),
        cmocka_unit_test(a_connection_that_is_never_made_is_unsent_within_its_time),
        cmocka_unit_test(a_reset_after_accept_is_lost),
        cmocka_unit_test(a_close_after_accept_is_lost),
        cmocka_unit_test(a_request_read_and_not_answered_is_lost),
        cmocka_unit_test(silence_is_lost_at_the_deadline),
        cmocka_unit_test(half_of_a_large_body_sent_is_lost),
        cmocka_unit_test(a_head_without_its_end_is_lost_although_libcurl_calls_it_200),
        cmocka_unit_test(an_interim_answer_does_not_confuse),
        cmocka_unit_test(a_body_cut_short_is_lost),
        cmocka_unit_test(another_protocol_is_lost),
        cmocka_unit_test(s_086_a_dripped_answer_is_cut_at_the_deadline),
        cmocka_unit_test(s_088_a_redirect_is_an_answer_and_is_not_followed),
        cmocka_unit_test(s_089_html_and_nothing_are_handed_on_and_ten_mebibytes_are_cut),
        cmocka_unit_test(the_cap_counts_to_the_byte),
        cmocka_unit_test(s_090_a_gzip_bomb_is_cut_at_the_decoded_limit),
        cmocka_unit_test(an_endless_head_is_cut),
        cmocka_unit_test(a_money_call_on_a_dying_connection_is_sent_once_and_lost),
        cmocka_unit_test(a_query_on_a_dying_connection_may_be_repeated),
        cmocka_unit_test(connections_are_kept_and_used_again),
        cmocka_unit_test(a_header_or_method_that_splits_the_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
