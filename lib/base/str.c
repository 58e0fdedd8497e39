/* SPDX-License-Identifier: Apache-2.0 */
#include <till/str.h>

int till_str_compare(struct till_str a, struct till_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}
