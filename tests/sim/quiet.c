/* SPDX-License-Identifier: Apache-2.0 */
/* A look behind the platform's counter (its names and the store's do not go into one file). */
#include <sandbox/stripe/mail.h>

bool stage_platform_is_quiet(const struct sandbox *sandbox);

/* One that is spoilt is refused every time; nothing is learned from its repetitions. */
static bool mail_is_quiet(const struct stripe_mail *mail) {
    const struct stripe_delivery *delivery = mail ? mail->deliveries : NULL;
    for (; delivery; delivery = delivery->next) {
        bool is_hopeless = delivery->variant != FAULT_NONE && delivery->attempts > 0;
        if (delivery->in_flight || (!delivery->over && !is_hopeless))
            return false;
    }
    return true;
}

/* Money that comes later, a refund that fails later. */
static bool waits(const struct stripe_object *object) {
    static const char mark[] = "\"later_us\":";
    const char *at = object->hidden ? strstr(object->hidden, mark) : NULL;
    return at && at[sizeof mark - 1] != '0';
}

static bool nobody_waits(const struct stripe_book *book) {
    static const enum stripe_kind kinds[] = {STRIPE_SESSION, STRIPE_REFUND};
    const struct stripe_account *account = book->accounts;
    for (; account; account = account->next)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            const struct stripe_object *object = account->newest[kinds[i]];
            for (; object; object = object->older)
                if (waits(object))
                    return false;
        }
    return true;
}

bool stage_platform_is_quiet(const struct sandbox *sandbox) {
    if (!mail_is_quiet(sandbox->stripe->mail) || !nobody_waits(sandbox->stripe))
        return false;
    for (const struct platform_notice *notice = sandbox->notices; notice; notice = notice->next)
        if (!notice->over || notice->in_flight)
            return false;
    return true;
}
