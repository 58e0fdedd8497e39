/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a verified node to a verdict. Everything here reads bytes whose signature was good; what
 * contradicts the question all the same makes the verdict UNKNOWN and suspicious.
 */
#ifndef LIB_CHANNEL_ALIPAY_READING_H
#define LIB_CHANNEL_ALIPAY_READING_H

#include <till/channel.h>

struct reading {
    const struct till_ask *ask;
    const struct till_json *node; /* an object */
    struct till_arena *arena;
    struct till_verdict *verdict; /* starts as UNKNOWN */
};

/* Fills peer_code and peer_text from code, msg, sub_code, sub_msg. */
void reading_name_peer(const struct reading *reading);
void reading_decide(const struct reading *reading);

/* peer_text in our own words, cut to its room. */
void verdict_say(struct till_verdict *verdict, const char *text);

#endif
