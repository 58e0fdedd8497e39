/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/qr.h>

#include <qrencode.h>
#include <rt/html.h>

#define QUIET 4 /* modules, ISO/IEC 18004 */

static bool encode(struct till_str text, QRcode **ret_code, struct till_error *err) {
    if (!text.len || text.len > QR_TEXT_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/action",
                               "A QR code takes 1 to %d bytes of text.", QR_TEXT_MAX);
    *ret_code = QRcode_encodeData((int)text.len, (const unsigned char *)text.ptr, 0, QR_ECLEVEL_M);
    if (!*ret_code)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return true;
}

static bool is_dark(const QRcode *code, int x, int y) {
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           (code->data[y * code->width + x] & 1);
}

/* Each run of dark modules in a row becomes one rectangle of the path. */
static void add_row(struct till_buf *svg, const QRcode *code, int y) {
    for (int x = 0; x < code->width; x++) {
        int run = 0;
        while (is_dark(code, x + run, y))
            run++;
        if (run)
            till_buf_format(svg, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, run, run);
        x += run;
    }
}

bool qr_svg(struct till_arena *arena, struct till_str text, struct till_str label,
            struct till_str *ret_svg, struct till_error *err) {
    QRcode *code = NULL;
    struct till_buf svg;
    if (!encode(text, &code, err))
        return false;
    int64_t side = code->width + 2 * QUIET;
    till_buf_init(&svg, arena);
    html_format(&svg,
                "<svg class=\"qr\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                "aria-label=\"%s\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
                &label, side, side, side, side);
    for (int y = 0; y < code->width; y++)
        add_row(&svg, code, y);
    till_buf_text(&svg, "\"/></svg>");
    QRcode_free(code);
    return till_buf_finish(&svg, ret_svg, err);
}

bool qr_terminal(struct till_arena *arena, struct till_str text, struct till_str *ret_lines,
                 struct till_error *err) {
    static const char *const blocks[] = {"█", "▀", "▄", " "}; /* light is drawn, dark is left out */
    QRcode *code = NULL;
    struct till_buf lines;
    if (!encode(text, &code, err))
        return false;
    till_buf_init(&lines, arena);
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        till_buf_text(&lines, "\033[97;40m");
        for (int x = -QUIET; x < code->width + QUIET; x++)
            till_buf_text(&lines, blocks[2 * is_dark(code, x, y) + is_dark(code, x, y + 1)]);
        till_buf_text(&lines, "\033[0m\n");
    }
    QRcode_free(code);
    return till_buf_finish(&lines, ret_lines, err);
}
