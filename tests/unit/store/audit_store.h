/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store with one of everything that the auditor has a rule about, copies of it, and damage behind
 * the triggers' back.
 */
#ifndef TESTS_UNIT_STORE_AUDIT_STORE_H
#define TESTS_UNIT_STORE_AUDIT_STORE_H

#include "fixture.h"

#include <gateway/audit/audit.h>

void audit_store_live(struct fixture *f);
struct payment_opened audit_store_pay(struct fixture *f, const char *no);
/* All events numbered, all of the trail sealed. */
void audit_store_seal(struct fixture *f);
/* A fresh backup; its path stays until the next. */
const char *audit_store_copy(struct fixture *f);

/* A copy's bytes, without a log beside it; and a copy made of them, which is cheap. */
struct till_str audit_store_bytes(struct fixture *f);
const char *audit_store_put(struct fixture *f, struct till_str bytes);

/* A copy without triggers and checks; the triggers come back with audit_store_guard, which closes
 * it. */
sqlite3 *audit_store_unguard(struct fixture *f, const char *path, struct till_str *ret_guards);
void audit_store_guard(sqlite3 *db, struct till_str guards);
void audit_store_damage(struct fixture *f, const char *path, const char *sql);

void audit_store_look(const char *path, int limit, struct audit_report *ret_report);
void audit_store_whole(const char *path); /* asserts it */

#endif
