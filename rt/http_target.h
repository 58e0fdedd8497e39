/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request target, judged as it stood on the request line: origin form only, visible ASCII only,
 * no encoded NUL, no broken escape in the path. What is routed, logged and signed is this text and
 * never the library's unescaped copy. Pure; the parts point into the target.
 */
#ifndef RT_HTTP_TARGET_H
#define RT_HTTP_TARGET_H

#include <till/error.h>
#include <till/str.h>

/* Path before the first '?', query after it (empty without one). HTTP_FRAMING names the broken
 * rule. */
TILL_MUST_CHECK bool http_target_split(struct till_str target, struct till_str *ret_path,
                                       struct till_str *ret_query, struct till_error *err);

#endif
