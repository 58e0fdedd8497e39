/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings in force and how they are replaced while the gateway runs (ADR 035). A reload reads
 * file and command line anew, judges everything that a start would judge, and only then lets the
 * rows that are `live` take effect, all of them together. A row that needs a restart keeps its
 * running value and is named in the answer, every time, until the restart.
 *
 * Readers take no lock: gw->settings points to a table that is never changed and never freed before
 * config_close, because a call may hold it for as long as it lives. So replaced tables are kept,
 * about one KiB each, at most CONFIG_TABLES_MAX of them; a further change needs a restart.
 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <gateway/settings.h>
#include <rt/world.h>

#define CONFIG_TABLES_MAX 1000

struct config;

struct config_options {
    struct till_str path;         /* of the file; empty: defaults and overrides only */
    const char *const *overrides; /* "name=value" of the command line, in force at each reload */
    size_t override_count;
    const char *environment_key; /* TILL_MASTER_KEY or NULL */
    /* Lets the next table take effect everywhere; may refuse, and then has changed nothing. NULL:
     * nobody else needs to know. */
    bool (*apply)(void *self, const struct gateway_settings *next, struct till_error *err);
    void *self;
};

struct config_change {
    const struct setting *row;
    bool took_effect;         /* false: needs a restart */
    struct till_str from, to; /* for people; a secret only says whether it is set */
};

struct config_report {
    struct config_change *changes; /* in the caller's arena, in the table's order */
    size_t count, live;            /* live: how many of them took effect */
};

/* Reads the file. options' texts are borrowed. SETTING_INVALID. */
TILL_MUST_CHECK bool config_open(const struct config_options *options, struct config **ret_config,
                                 struct till_error *err);
/* Nobody may use a table any more. Accepts NULL. */
void config_close(struct config *config);

/* The table in force; it lives until config_close. */
const struct gateway_settings *config_now(const struct config *config);
/* Where each row's value comes from, gateway_setting_count of them, into the caller's array. */
void config_origins(struct config *config, struct world *world, enum settings_origin *ret_origins);
struct till_str config_path(const struct config *config);
/* All or nothing: on failure everything is as it was, and err names setting and reason. Reads
 * files. Any thread: reloads happen one after the other. */
TILL_MUST_CHECK bool config_reload(struct config *config, struct world *world,
                                   struct till_arena *arena, struct config_report *ret_report,
                                   struct till_error *err);
/* What would a reload change? Reads and judges, and changes nothing. */
TILL_MUST_CHECK bool config_compare(struct config *config, struct world *world,
                                    struct till_arena *arena, struct config_report *ret_report,
                                    struct till_error *err);

#endif
