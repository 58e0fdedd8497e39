/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out when a test wants it to. calloc of libtill is replaced by the linker (link
 * with shortage_link of tests/unit/meson.build), the allocators of OpenSSL and jansson by their
 * hooks. A test sets calls_left, runs, and looks whether the call came.
 */
#ifndef TESTS_UNIT_SHORTAGE_H
#define TESTS_UNIT_SHORTAGE_H

#include <stdbool.h>

struct shortage {
    long calls_left; /* before the call that fails; negative: none does */
    bool ever_since; /* not only that call, but all from there on */
    bool failed;     /* the call came, and failed */
};
extern struct shortage shortage;

/* For the hooks of another library: counts a call, and tells whether it is one that fails. */
bool shortage_strikes(void);

/* First of all in main, before anybody allocates: false when OpenSSL has begun already. */
bool shortage_prepare(void);

#endif
