/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person pasted, taken apart kindly (the money path is strict, this is not), and the texts
 * that the hypotheses of explain.c verify. Everything lives in the arena of the explanation.
 */
#ifndef LIB_CHANNEL_ALIPAY_PASTED_H
#define LIB_CHANNEL_ALIPAY_PASTED_H

#include <till/explain.h>

struct pasted {
    struct till_arena *arena;
    enum till_explained_kind kind;
    struct till_str text;          /* trimmed; of a URL the query */
    struct till_str node;          /* of an answer */
    struct till_form form;         /* of the others: decoded once, or as it stands if that fails */
    struct till_str sign;          /* repaired: blanks back to '+', no line breaks */
    enum till_signature algorithm; /* as the message names it */
};

TILL_MUST_CHECK bool pasted_read(struct till_arena *arena, struct till_str text,
                                 struct pasted *ret_pasted, struct till_error *err);

/* A text that somebody may have signed. False when there is no such text for this message. */
typedef bool pasted_text(const struct pasted *pasted, struct till_str *ret_text,
                         struct till_error *err);

pasted_text pasted_canonical;  /* the right one */
pasted_text pasted_with_empty; /* empty values kept */
pasted_text pasted_other_rule; /* sign_type kept where it is dropped, and the reverse */
pasted_text pasted_undecoded;  /* values as they stand on the wire */
pasted_text pasted_decoded_twice;
pasted_text pasted_html_unescaped;  /* &quot; as " */
pasted_text pasted_as_gbk;          /* UTF-8 text signed as GBK bytes */
pasted_text pasted_from_gbk;        /* GBK text signed as UTF-8 bytes */
pasted_text pasted_trimmed;         /* blanks around values */
pasted_text pasted_return_only;     /* the documented parameters of a return page */
pasted_text pasted_slashes_escaped; /* "/" of an answer as "\/" */
pasted_text pasted_compact;         /* an answer without the blanks between its parts */

/* &quot; &amp; &lt; &gt; &#39; &apos; &#34; as the characters. */
TILL_MUST_CHECK bool pasted_unescape(struct till_arena *arena, struct till_str text,
                                     struct till_str *ret_text, struct till_error *err);

#endif
