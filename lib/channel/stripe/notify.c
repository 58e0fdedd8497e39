/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (dossier 16). The one header is found, the raw bytes are verified under the account's own
 * secrets, and only then is the body read at all. Which scheme counts is not the sender's choice.
 */
#include "lib/channel/stripe/wire.h"

#include "lib/channel/stripe/fields.h"

enum { NOTIFY_MAX = 256 * 1024 };

static bool is_json(struct till_str content_type) {
    struct till_str type = till_str_sub(content_type, 0, till_str_find(content_type, ';'));
    return till_str_equal_ignoring_case(till_str_trim(type), TILL_STR("application/json"));
}

/* Exactly one: two could be read as either. */
static bool find_header(const struct till_notification *notification, struct till_str *ret_header,
                        struct till_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < notification->header_count; i++) {
        const struct till_pair *pair = &notification->headers[i];
        if (!till_str_equal_ignoring_case(pair->name, TILL_STR("Stripe-Signature")))
            continue;
        *ret_header = pair->value;
        count++;
    }
    if (count == 1)
        return true;
    return TILL_FAIL_FIELD(err, NOTIFY_FORGED, "Stripe-Signature",
                           count ? "The notification has two signature headers."
                                 : "The notification is not signed.");
}

/* Under the present secret or the one before. Whatever does not verify is one error, NOTIFY_FORGED:
 * a security event. */
static bool verify(const struct stripe_account *a, struct till_str header,
                   const struct till_notification *notification, struct till_error *err) {
    struct till_error why, before;
    if (till_stripe_verify(&a->webhook_secret, header, notification->body, notification->now_us,
                           &why))
        return true;
    if (a->webhook_secret_previous.len &&
        till_stripe_verify(&a->webhook_secret_previous, header, notification->body,
                           notification->now_us, &before))
        return true;
    if (till_code_class(why.code) == TILL_CLASS_BUG) {
        *err = why; /* want of memory is our own trouble, not a forgery */
        return false;
    }
    return TILL_FAIL_FIELD(err, NOTIFY_FORGED, "Stripe-Signature", "%s", why.text);
}

/* The envelope; NOTHING unless what it holds says more. */
static bool read_envelope(const struct till_account *account, const struct till_json *event,
                          struct till_arena *arena, struct till_notice *notice,
                          struct till_error *err) {
    const struct till_json *object = till_json_member(till_json_member(event, "data"), "object");
    struct till_str id, type;
    if (!till_str_is(till_json_get_str(event, "object"), "event") || !till_json_is_object(object))
        return TILL_FAIL(err, BODY_MALFORMED, "The notification is no event about an object.");
    if (!till_json_need_str(event, "id", &id, err) ||
        !till_json_need_str(event, "type", &type, err) ||
        !till_arena_copy(arena, id, &notice->notice_id, err) ||
        !till_arena_copy(arena, type, &notice->status_text, err))
        return false;
    notice->paid_us = stripe_field_time(event, "created");
    if (!stripe_read_event(type, object, arena, notice, err))
        return false;
    if (notice->kind != TILL_NOTICE_NOTHING && !stripe_field_is_mode(event, account->mode))
        notice->mismatch = "mode";
    return true;
}

bool stripe_notified(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_notice *ret_notice, struct till_error *err) {
    struct till_notice notice = {.kind = TILL_NOTICE_NOTHING};
    TILL_JSON_SCOPED struct till_json *event = NULL;
    struct till_str header;
    if (!till_str_is(notification->method, "POST"))
        return TILL_FAIL(err, METHOD_NOT_ALLOWED, "A notification is a POST.");
    if (!is_json(notification->content_type))
        return TILL_FAIL(err, MEDIA_TYPE, "A notification is application/json.");
    if (notification->body.len > NOTIFY_MAX)
        return TILL_FAIL(err, BODY_TOO_LARGE, NULL);
    if (!find_header(notification, &header, err) ||
        !verify(stripe_of(account), header, notification, err) ||
        !till_json_parse(notification->body, &event, err) ||
        !read_envelope(account, event, arena, &notice, err))
        return false;
    *ret_notice = notice;
    return true;
}
