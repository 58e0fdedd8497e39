/* SPDX-License-Identifier: Apache-2.0 */
/* See barcode.h. */
#include <sandbox/barcode.h>

enum { START_C = 105, STOP = 106, MODULUS = 103, QUIET = 10, DIGITS_MAX = 40 };

/* Widths of bars and spaces in turn; eleven modules each, the stop mark has thirteen. */
static const char *const marks[] = {
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212",
    "221213", "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221",
    "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122", "321221",
    "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321",
    "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331", "132131",
    "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131",
    "311123", "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111",
    "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412", "122114",
    "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242",
    "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
    "113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112"};

/* The x behind it. */
static int add_mark(struct till_buf *buf, int value, int x) {
    const char *widths = marks[value];
    for (int i = 0; widths[i]; i++) {
        int width = widths[i] - '0';
        if (i % 2 == 0)
            till_buf_format(buf, "M%d 0h%dv40h-%dz", x, width, width);
        x += width;
    }
    return x;
}

static bool is_even_digits(struct till_str digits) {
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
    return digits.len && digits.len % 2 == 0 && digits.len <= DIGITS_MAX;
}

void barcode_add(struct till_buf *buf, struct till_str digits) {
    if (!is_even_digits(digits))
        return;
    int pairs = (int)digits.len / 2, width = 2 * QUIET + 11 * (pairs + 2) + 13;
    till_buf_format(buf,
                    "<svg class=\"barcode\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                    "aria-label=\"%.*s\" viewBox=\"0 -4 %d 48\" preserveAspectRatio=\"none\" "
                    "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 -4h%dv48H0z\"/>"
                    "<path fill=\"#000\" d=\"",
                    TILL_STR_ARG(digits), width, width);
    int sum = START_C, x = add_mark(buf, START_C, QUIET);
    for (int i = 0; i < pairs; i++) {
        struct till_str pair = till_str_sub(digits, (size_t)i * 2, 2);
        int value = 10 * (pair.ptr[0] - '0') + (pair.ptr[1] - '0');
        sum += (i + 1) * value;
        x = add_mark(buf, value, x);
    }
    x = add_mark(buf, sum % MODULUS, x);
    (void)add_mark(buf, STOP, x);
    till_buf_text(buf, "\"/></svg>");
}
