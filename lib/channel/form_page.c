/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/form_page.h"

/* For attributes in double quotes, and good anywhere else. */
static void add_escaped(struct till_buf *buf, struct till_str text) {
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            till_buf_text(buf, "&amp;");
            break;
        case '<':
            till_buf_text(buf, "&lt;");
            break;
        case '>':
            till_buf_text(buf, "&gt;");
            break;
        case '"':
            till_buf_text(buf, "&quot;");
            break;
        case '\'':
            till_buf_text(buf, "&#39;");
            break;
        default:
            till_buf_char(buf, text.ptr[i]);
        }
    }
}

static void add_field(struct till_buf *buf, const struct till_pair *field) {
    till_buf_text(buf, "<input type=\"hidden\" name=\"");
    add_escaped(buf, field->name);
    till_buf_text(buf, "\" value=\"");
    add_escaped(buf, field->value);
    till_buf_text(buf, "\">");
}

bool form_page(struct till_arena *arena, struct till_str url, const struct till_form *fields,
               struct till_str *ret_page, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    till_buf_text(&buf, "<!doctype html><html><head><meta charset=\"utf-8\">"
                        "<title>Payment / 付款</title></head><body>"
                        "<form id=\"till_payment\" method=\"post\" accept-charset=\"utf-8\" "
                        "action=\"");
    add_escaped(&buf, url);
    till_buf_text(&buf, "\">");
    for (size_t i = 0; i < fields->count; i++)
        add_field(&buf, &fields->pairs[i]);
    /* No control is named "submit": it would hide the form's own method. */
    till_buf_text(&buf, "<button>Continue / 继续付款</button></form>"
                        "<script>document.getElementById(\"till_payment\").submit()</script>"
                        "</body></html>");
    return till_buf_finish(&buf, ret_page, err);
}
