/* SPDX-License-Identifier: Apache-2.0 */
/* Transitions as metrics, after their commit. */
#include "gateway/store/operations.h"

#include <string.h>

/* A label is a short word that ends in NUL; channels are. */
static void read_label(struct till_str word, char label[32]) {
    size_t len = word.len < 32 ? word.len : 31;
    if (len)
        memcpy(label, word.ptr, len);
    label[len] = '\0';
}

void count_payment(struct store *store, const struct payment_row *payment) {
    char channel[32];
    read_label(payment->channel, channel);
    metrics_add(store->metrics, METRIC_PAYMENTS, channel,
                till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state), 1);
}

void count_refund(struct store *store, struct till_str channel, const struct refund_row *refund) {
    char label[32];
    read_label(channel, label);
    metrics_add(store->metrics, METRIC_REFUNDS, label,
                till_state_name(TILL_MACHINE_REFUND, (int)refund->state), 1);
}
