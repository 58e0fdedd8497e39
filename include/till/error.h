/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error type, owned by the caller, without allocation and without thread-local state.
 * Functions that can fail return bool and take `struct till_error *err` last (never NULL); their
 * results are untouched on failure. The code's class tells what a caller may do about it.
 * error.def is the registry: code, class, HTTP status, slug, sentence.
 */
#ifndef TILL_ERROR_H
#define TILL_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define TILL_MUST_CHECK __attribute__((warn_unused_result))

/* A class is a reaction. */
enum till_class {
    TILL_CLASS_INPUT,    /* the request is wrong: change it */
    TILL_CLASS_AUTH,     /* not proven who asks, or not allowed */
    TILL_CLASS_CONFLICT, /* contradicts what is stored */
    TILL_CLASS_LIMIT,    /* later, or smaller */
    TILL_CLASS_DECLINED, /* final: the platform said no */
    TILL_CLASS_UNSENT,   /* nothing left this machine: safe to repeat */
    TILL_CLASS_UNKNOWN,  /* ask first, never repeat blindly */
    TILL_CLASS_STORE,    /* our own database */
    TILL_CLASS_BUG       /* ours; please report */
};

enum till_code {
    TILL_OK = 0,
#define TILL_ERROR(name, class, status, slug, sentence) TILL_E_##name,
#include <till/error.def>
#undef TILL_ERROR
    TILL_CODE_COUNT
};

struct till_error {
    enum till_code code;
    const char *where; /* "lib/base/money.c:40" */
    char field[64];    /* what it is about, as a JSON pointer or a setting's name: "/amount" */
    char peer[64];     /* the channel's own code: "ACQ.TRADE_HAS_SUCCESS" */
    char text[256];    /* one sentence for a person, what to do included; never a secret */
};

/*
 * Fill err and return false, so that `return TILL_FAIL(err, MONEY_FORMAT, "...", ...)` reads as
 * one. The format is printf's; NULL takes the registry's sentence. Control bytes are replaced.
 */
#define TILL_STRINGIFY_(x) #x
#define TILL_STRINGIFY(x) TILL_STRINGIFY_(x)
#define TILL_FAIL(err, name, ...) TILL_FAIL_FIELD(err, name, NULL, __VA_ARGS__)
/* The same, naming the field. */
#define TILL_FAIL_FIELD(err, name, field, ...)                                                     \
    till_failed(till_error_set((err), TILL_E_##name, __FILE__ ":" TILL_STRINGIFY(__LINE__),        \
                               (field), __VA_ARGS__))

/* Shows the compiler that a failure is always false, so that it knows what is set on success. */
static inline bool till_failed(bool set) {
    (void)set;
    return false;
}

bool till_error_set(struct till_error *err, enum till_code code, const char *where,
                    const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6), cold));

/* Forget an error. */
void till_error_clear(struct till_error *err);

/* From the registry. `code` outside of it yields BUG, 500, "bug". */
enum till_class till_code_class(enum till_code code);
int till_code_status(enum till_code code);
const char *till_code_slug(enum till_code code);
const char *till_code_sentence(enum till_code code);
const char *till_class_name(enum till_class class);

#endif
