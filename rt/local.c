/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/local.h>

#include <curl/curl.h>

#define ANSWER_MAX (16u << 20)
#define TIMEOUT_S 60L

static size_t take_body(char *bytes, size_t size, size_t count, void *into) {
    struct till_buf *body = into;
    if (body->len + size * count > ANSWER_MAX)
        return 0;
    till_buf_add(body, (struct till_str){bytes, size * count});
    return body->failed ? 0 : size * count;
}

static bool prepare(CURL *curl, struct till_arena *arena, struct till_str socket_path,
                    struct till_str method, struct till_str target, struct till_error *err) {
    const char *path, *verb;
    struct till_str url;
    if (!till_arena_cstr(arena, socket_path, &path, err) ||
        !till_arena_cstr(arena, method, &verb, err) ||
        !till_arena_format(arena, &url, err, "http://localhost%.*s", TILL_STR_ARG(target)))
        return false;
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
    curl_easy_setopt(curl, CURLOPT_URL, url.ptr);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    return true;
}

static bool perform(CURL *curl, struct till_str socket_path, struct till_buf *body,
                    struct local_answer *ret_answer, struct till_error *err) {
    long status = 0;
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_COULDNT_CONNECT)
        return TILL_FAIL(err, UPSTREAM_UNSENT,
                         "Nobody answers at the socket %.*s; is `till serve` running?",
                         TILL_STR_ARG(socket_path));
    if (code != CURLE_OK)
        return TILL_FAIL(err, UPSTREAM_UNKNOWN, "The daemon's answer was lost: %s.",
                         curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    struct local_answer answer = {.status = (int)status};
    struct curl_header *cursor;
    if (!till_buf_finish(body, &answer.body, err))
        return false;
    if (curl_easy_header(curl, "Till-Next-Cursor", 0, CURLH_HEADER, -1, &cursor) == CURLHE_OK &&
        !till_arena_copy(body->arena, till_str_of(cursor->value), &answer.next_cursor, err))
        return false;
    *ret_answer = answer;
    return true;
}

bool local_exchange(struct till_arena *arena, struct till_str socket_path, struct till_str method,
                    struct till_str target, struct till_str body, struct local_answer *ret_answer,
                    struct till_error *err) {
    struct till_buf received;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    bool done = false;
    till_buf_init(&received, arena);
    if (!curl || !headers) {
        TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    } else if (prepare(curl, arena, socket_path, method, target, err)) {
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        if (body.len) {
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr);
        }
        done = perform(curl, socket_path, &received, ret_answer, err);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return done;
}
