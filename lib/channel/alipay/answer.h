/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting an answer without knowing its method, and the one escape that platforms disagree on. */
#ifndef LIB_CHANNEL_ALIPAY_ANSWER_H
#define LIB_CHANNEL_ALIPAY_ANSWER_H

#include <till/alipay.h>

/* As till_alipay_answer_split, for whatever node is there. */
TILL_MUST_CHECK bool alipay_answer_scan(struct till_str body, struct till_alipay_answer *ret_answer,
                                        struct till_error *err);
/* The same with a sign_type beside it (4.3). */
TILL_MUST_CHECK bool alipay_app_result_scan(struct till_str result,
                                            struct till_alipay_answer *ret_answer,
                                            struct till_str *ret_sign_type, struct till_error *err);
/* "\/" as "/", aware of "\\". */
TILL_MUST_CHECK bool alipay_unescape_slashes(struct till_arena *arena, struct till_str text,
                                             struct till_str *ret_text, struct till_error *err);

#endif
