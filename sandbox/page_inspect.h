/* SPDX-License-Identifier: Apache-2.0 */
/* What the list of exchanges and the page of one of them share. */
#ifndef SANDBOX_PAGE_INSPECT_H
#define SANDBOX_PAGE_INSPECT_H

#include <sandbox/exchange.h>
#include <sandbox/page.h>

struct till_str page_exchange_id(struct page *page, uint64_t id);
/* Code, sub_code and the faults that struck, as tags. */
void page_exchange_outcome(struct page *page, const struct exchange *exchange);
/* "12.3 ms" */
struct till_str page_exchange_took(struct page *page, const struct exchange *exchange);

#endif
