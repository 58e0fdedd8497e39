/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the folders of all channels need: settings as texts, words out of a list, how long an order
 * may live, and the platform's words put into a fixed room. Pure; nothing here knows a platform.
 */
#ifndef LIB_CHANNEL_COMMON_H
#define LIB_CHANNEL_COMMON_H

#include <till/channel.h>

/* The optional setting `name`, copied into the arena: at most max bytes of printable ASCII without
 * blanks. *value stays when it is absent or empty. FIELD_INVALID naming "/name", never its value.
 */
TILL_MUST_CHECK bool common_setting(struct till_arena *arena, const struct till_json *settings,
                                    const char *name, size_t max, struct till_str *value,
                                    struct till_error *err);
/* Is the text one of the blank-separated choices? An empty one is none. */
bool common_is_choice(struct till_str text, const char *choices);
/* How long the order lives, in microseconds; TIME_INVALID outside of the product's bounds. */
TILL_MUST_CHECK bool common_lifetime(const struct till_ask *ask, const struct till_product *product,
                                     int64_t *ret_us, struct till_error *err);
/* Text of the platform into a room of `size` bytes: whole code points, no control bytes, a NUL. */
void common_put(char *room, size_t size, struct till_str text);

#endif
