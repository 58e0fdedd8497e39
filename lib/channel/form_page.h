/* SPDX-License-Identifier: Apache-2.0 */
/* A page that takes the buyer to a platform by POST: by itself where scripts run, by its button
 * where they do not. For every channel that hands an order over as a form. */
#ifndef LIB_CHANNEL_FORM_PAGE_H
#define LIB_CHANNEL_FORM_PAGE_H

#include <till/form.h>

/* `url` and `fields` are UTF-8; every byte of them is escaped. The page lives in the arena. */
TILL_MUST_CHECK bool form_page(struct till_arena *arena, struct till_str url,
                               const struct till_form *fields, struct till_str *ret_page,
                               struct till_error *err);

#endif
