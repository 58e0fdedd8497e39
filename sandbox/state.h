/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file: one JSON document a line, written as a whole and renamed into place, at most once
 * a second and less often the longer it takes. Holds the platform's private keys: mode 0600.
 */
#ifndef SANDBOX_STATE_H
#define SANDBOX_STATE_H

#include <sandbox/platform.h>

TILL_MUST_CHECK bool state_load(struct sandbox *sandbox, struct till_error *err);
/* Whether or not it is due. Not under the lock. */
TILL_MUST_CHECK bool state_save(struct sandbox *sandbox, struct till_error *err);
/* A line of the file, of this kind; the caller releases it. */
struct till_json *state_row(const char *kind);
/* True when it was written. */
bool state_save_when_due(struct sandbox *sandbox);

#endif
