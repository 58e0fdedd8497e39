/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/money.h>

static int64_t jitter_of(struct gateway *gw, int64_t wait_us) {
    uint32_t word;
    world_random(gw->world, &word, sizeof word);
    return wait_us / 10 * (int64_t)(word % 1024) / 1024;
}

int64_t money_ask_again_us(struct gateway *gw, int asks, int64_t least_us, int64_t now_us) {
    int64_t slowest_us = gw->settings->ask_slowest, wait_us = gw->settings->ask_after;
    for (int i = 0; i < asks && wait_us < slowest_us; i++)
        wait_us *= 2;
    wait_us = wait_us < slowest_us ? wait_us : slowest_us;
    wait_us = wait_us > least_us ? wait_us : least_us;
    return now_us + wait_us + jitter_of(gw, wait_us);
}
