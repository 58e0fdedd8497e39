/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as a table, and filling an error. No allocation, no state. */
#include <stdarg.h>
#include <stdio.h>

#include <till/error.h>
#include <till/str.h>

static const struct entry {
    enum till_class class;
    int status;
    const char *slug;
    const char *sentence;
} entries[TILL_CODE_COUNT] = {
    [TILL_OK] = {TILL_CLASS_BUG, 500, "bug", "No error was set where one was reported."},
#define TILL_ERROR(name, class, status, slug, sentence)                                            \
    [TILL_E_##name] = {TILL_CLASS_##class, status, slug, sentence},
#include <till/error.def>
#undef TILL_ERROR
};

static const char *const class_names[] = {
    [TILL_CLASS_INPUT] = "input",       [TILL_CLASS_AUTH] = "auth",
    [TILL_CLASS_CONFLICT] = "conflict", [TILL_CLASS_LIMIT] = "limit",
    [TILL_CLASS_DECLINED] = "declined", [TILL_CLASS_UNSENT] = "unsent",
    [TILL_CLASS_UNKNOWN] = "unknown",   [TILL_CLASS_STORE] = "store",
    [TILL_CLASS_BUG] = "bug",
};

static const struct entry *find(enum till_code code) {
    bool known = (int)code > TILL_OK && (int)code < TILL_CODE_COUNT;
    return &entries[known ? code : TILL_E_BUG];
}

enum till_class till_code_class(enum till_code code) {
    return find(code)->class;
}

int till_code_status(enum till_code code) {
    return find(code)->status;
}

const char *till_code_slug(enum till_code code) {
    return find(code)->slug;
}

const char *till_code_sentence(enum till_code code) {
    return find(code)->sentence;
}

const char *till_class_name(enum till_class class) {
    bool known = (int)class >= 0 && (int)class <= TILL_CLASS_BUG;
    return class_names[known ? class : TILL_CLASS_BUG];
}

void till_error_clear(struct till_error *err) {
    *err = (struct till_error){.code = TILL_OK};
}

/* Errors end in logs, terminals and JSON: no control bytes, no half or broken characters. */
static void make_presentable(char *text) {
    struct till_str s = till_str_of(text);
    bool is_utf8 = till_str_is_utf8(s);
    for (char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f || (!is_utf8 && (*at & 0x80)))
            *at = '?';
    }
}

/* Copy a text of any length; what does not fit is cut between characters. */
static void copy_cut(char *out, size_t room, const char *text) {
    struct till_str cut = till_str_cut_utf8(till_str_of(text), room - 1);
    memcpy(out, cut.ptr, cut.len);
    out[cut.len] = '\0';
    make_presentable(out);
}

/* Build folders show as "../" in __FILE__. */
static const char *from_root(const char *where) {
    while (strncmp(where, "../", 3) == 0)
        where += 3;
    return where;
}

bool till_error_set(struct till_error *err, enum till_code code, const char *where,
                    const char *field, const char *format, ...) {
    /* One byte more than fits, so that copy_cut sees where the character began that was cut; and
     * built aside, since an argument may point into err itself. */
    char text[sizeof err->text + 4];
    char named[sizeof err->field];
    if (format) {
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
    } else {
        copy_cut(text, sizeof text, till_code_sentence(code));
    }
    copy_cut(named, sizeof named, field ? field : "");
    *err = (struct till_error){.code = code, .where = from_root(where)};
    copy_cut(err->text, sizeof err->text, text);
    memcpy(err->field, named, sizeof err->field);
    return false;
}
