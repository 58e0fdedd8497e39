/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of an address that a platform is told or that we send to: absolute http(s), a host, no
 * user information, no fragment, no blanks or control bytes. Where it may lead is not decided here
 * but at connect time, by the program that connects.
 */
#ifndef LIB_CHANNEL_ADDRESS_H
#define LIB_CHANNEL_ADDRESS_H

#include <till/error.h>
#include <till/str.h>

struct address {
    bool is_https;
    bool has_query;
    struct till_str host; /* without port; "[::1]" keeps its brackets */
};

/* URL_FORBIDDEN naming `field`; `max` is the longest text allowed. */
TILL_MUST_CHECK bool address_read(struct till_str url, size_t max, const char *field,
                                  struct address *ret_address, struct till_error *err);

#endif
