/* SPDX-License-Identifier: Apache-2.0 */
/*
 * till doctor: is everything in place, and if not, which stage fails? Each check says what it
 * looked at, what it found and what to do. The daemon must be running for what only it can open;
 * the rest is checked without.
 */
#include <cli/admin.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <gateway/settings_check.h>
#include <rt/file.h>
#include <rt/probe.h>

#define PROBE_TIMEOUT_US (10 * INT64_C(1000000))
#define SKEW_MAX_S 60
#define CERTIFICATE_WARN_S INT64_C(1209600) /* 14 days */
#define FINDINGS_MAX 128

struct doctor {
    struct cli *cli;
    struct admin_place place;
    struct gateway_settings settings;
    struct till_json *findings;
    struct till_str instance; /* of the daemon that runs here; empty: none does */
    int troubles;
};

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* advice NULL: all is well. */
static void find(struct doctor *doctor, const char *check, struct till_str about,
                 struct till_str detail, const char *advice) {
    struct till_json *finding = till_json_object();
    till_json_set_bool(finding, "ok", !advice);
    till_json_set_text(finding, "check", check);
    if (about.len)
        till_json_set_str(finding, "about", about);
    till_json_set_str(finding, "detail", detail);
    if (advice)
        till_json_set_text(finding, "advice", advice);
    till_json_append(doctor->findings, finding);
    doctor->troubles += advice != NULL;
    if (doctor->cli->json)
        return;
    printf("%s %-12s %.*s%s%.*s\n", advice ? "✗" : "✓", check, TILL_STR_ARG(about),
           about.len ? ": " : "", TILL_STR_ARG(detail));
    if (advice)
        printf("  → %s\n", advice);
}

static void find_failure(struct doctor *doctor, const char *check, const struct till_error *err,
                         const char *advice) {
    find(doctor, check, till_str_of(err->field), till_str_of(err->text), advice);
}

/* ---- without the daemon ---- */

/* What a start would refuse; the master key has a check of its own. */
static void check_settings(struct doctor *doctor) {
    const struct settings_checked checked = {&doctor->settings, getenv("TILL_MASTER_KEY"),
                                             doctor->cli->arena};
    struct till_error problems[SETTINGS_PROBLEMS_MAX];
    size_t count = settings_problems(&checked, problems), found = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(problems[i].field, "secrets.master_key_file") == 0)
            continue;
        find_failure(doctor, "config", &problems[i], "Correct the setting; a start is refused.");
        found++;
    }
    if (found == 0)
        find(doctor, "config", doctor->place.config, TILL_STR("every setting can be used"), NULL);
}

static bool check_config(struct doctor *doctor) {
    struct till_error err;
    struct cli *cli = doctor->cli;
    if (!settings_load(gateway_setting_rows, gateway_setting_count, cli->arena,
                       doctor->place.config, NULL, 0, &doctor->settings, &err)) {
        find_failure(doctor, "config", &err,
                     "Correct the setting; till serve --help tells its rule.");
        return false;
    }
    check_settings(doctor);
    return true;
}

static void check_master_key(struct doctor *doctor) {
    struct till_error err;
    struct till_str text, path = doctor->settings.master_key_file;
    if (!path.len)
        return; /* from the environment: the daemon judges it */
    if (!file_read_secret(doctor->cli->arena, path, 4096, "secrets.master_key_file", &text, &err))
        find_failure(
            doctor, "master key", &err,
            "Put the key back from your copy, mode 0600; without it stored secrets are lost.");
    else
        find(doctor, "master key", path, TILL_STR("there, and closed to others"), NULL);
}

/* ---- addresses ---- */

static const char *advice_for(enum probe_stage stage) {
    static const char *const advice[] = {
        [PROBE_DNS] = "The name has no address here: check it, and the machine's resolver.",
        [PROBE_TCP] = "Nobody accepts the connection: check address, port and firewall.",
        [PROBE_TLS] = "Not trusted, or for another name: check name, clock and outbound.ca_file.",
        [PROBE_HTTP] = "The connection stands and no HTTP answer came: check what listens there.",
    };
    return stage == PROBE_DONE ? NULL : advice[stage];
}

static void find_clock(struct doctor *doctor, struct till_str about, const struct probe *probe) {
    char detail[96];
    int64_t skew_s = (now_us() - probe->server_clock_us) / 1000000;
    if (!probe->server_clock_us)
        return;
    snprintf(detail, sizeof detail, "this machine is %lld s %s", (long long)llabs(skew_s),
             skew_s < 0 ? "behind" : "ahead");
    find(doctor, "clock", about, till_str_of(detail),
         llabs(skew_s) > SKEW_MAX_S ? "Set the clock by NTP: timestamps are signed." : NULL);
}

static void find_certificate(struct doctor *doctor, struct till_str about,
                             const struct probe *probe) {
    char detail[96];
    int64_t left_s = (probe->certificate_expires_us - now_us()) / 1000000;
    if (!probe->certificate_expires_us)
        return;
    snprintf(detail, sizeof detail, "the certificate ends in %lld days",
             (long long)(left_s / 86400));
    find(doctor, "certificate", about, till_str_of(detail),
         left_s < CERTIFICATE_WARN_S ? "It must be renewed by whoever runs that address." : NULL);
}

static bool check_address(struct doctor *doctor, const char *check, struct till_str url,
                          struct probe *ret_probe) {
    char detail[320];
    probe_url(doctor->cli->arena, url, doctor->settings.outbound_ca_file, PROBE_TIMEOUT_US,
              ret_probe);
    snprintf(detail, sizeof detail, "%s %s%s%s %s",
             ret_probe->failed == PROBE_DONE ? "reached" : "fails at",
             ret_probe->failed == PROBE_DONE ? "" : probe_stage_name(ret_probe->failed),
             ret_probe->address[0] ? " at " : "", ret_probe->address, ret_probe->reason);
    find(doctor, check, url, till_str_of(detail), advice_for(ret_probe->failed));
    find_certificate(doctor, url, ret_probe);
    return ret_probe->failed == PROBE_DONE;
}

/* What platforms and buyers must reach. Seen from here, which is the best that can be seen. */
static void check_public_url(struct doctor *doctor) {
    static const char advice[] = "Point public_url, or the proxy in front, at this till.";
    struct till_error err;
    struct till_str url, base = doctor->settings.public_url;
    struct probe probe;
    if (!till_arena_format(doctor->cli->arena, &url, &err, "%.*s/health", TILL_STR_ARG(base)))
        return;
    if (!check_address(doctor, "notify URL", url, &probe))
        return;
    if (probe.status != 200)
        find(doctor, "notify URL", url, till_str_of(probe.reason), advice);
    else if (doctor->instance.len && !till_str_is(doctor->instance, probe.instance))
        find(doctor, "notify URL", url, TILL_STR("somebody else answers"), advice);
}

/* ---- with the daemon ---- */

/* What came of the question about an order that nobody placed: both sides' keys in one go. */
static void find_answer(struct doctor *doctor, struct till_str id, const struct till_json *answer) {
    static const char compare[] = "Compare the account's key, number and address with the "
                                  "platform's console.";
    struct till_error err;
    struct till_str words;
    bool works = false;
    if (!till_json_want_bool(answer, "works", &works, &err) ||
        !till_arena_format(doctor->cli->arena, &words, &err, "%.*s %.*s (%.*s)",
                           TILL_STR_ARG(till_json_get_str(answer, "meaning")),
                           TILL_STR_ARG(till_json_get_str(answer, "text")),
                           TILL_STR_ARG(till_json_get_str(answer, "code"))))
        words = till_str_of(err.text);
    struct till_str advice = till_json_get_str(answer, "advice");
    const char *hint = compare;
    if (!advice.len || !till_arena_cstr(doctor->cli->arena, advice, &hint, &err))
        hint = compare;
    find(doctor, "signatures", id, works ? till_json_get_str(answer, "meaning") : words,
         works ? NULL : hint);
}

/* Its platform as far as the daemon and this verb get: address, clock, answer. */
static void check_platform(struct doctor *doctor, struct till_str id) {
    struct till_error err;
    struct till_str target;
    struct probe probe;
    TILL_JSON_SCOPED struct till_json *answer = NULL;
    if (!till_arena_format(doctor->cli->arena, &target, &err, "/admin/accounts/%.*s/probe",
                           TILL_STR_ARG(id)) ||
        !admin_call(doctor->cli, &doctor->place, "POST", target, NULL, &answer, &err)) {
        find_failure(doctor, "signatures", &err, "See the daemon's log.");
        return;
    }
    struct till_str url = till_json_get_str(answer, "address");
    if (url.len && !check_address(doctor, "platform", url, &probe))
        return;
    if (url.len)
        find_clock(doctor, url, &probe);
    find_answer(doctor, id, answer);
}

/* How the account signs, certificate by certificate, and what needs a hand. */
static void check_signing(struct doctor *doctor, struct till_str id,
                          const struct till_json *signing) {
    const struct till_json *list = till_json_member(signing, "certificates");
    const struct till_json *warnings = till_json_member(signing, "warnings");
    struct till_error err;
    struct till_str words;
    for (size_t i = 0; i < till_json_size(list) && i < FINDINGS_MAX; i++) {
        const struct till_json *one = till_json_element(list, i);
        struct till_str until = till_json_get_str(one, "not_after");
        if (till_arena_format(doctor->cli->arena, &words, &err, "%.*s ends %.*s",
                              TILL_STR_ARG(till_json_get_str(one, "sn")),
                              TILL_STR_ARG(till_str_sub(until, 0, 10))))
            find(doctor, "signing cert", till_json_get_str(one, "setting"), words, NULL);
    }
    for (size_t i = 0; i < till_json_size(warnings) && i < FINDINGS_MAX; i++)
        find(doctor, "signing", id, till_json_str(till_json_element(warnings, i)),
             "Mend it before the platform stops taking it.");
}

static void check_account(struct doctor *doctor, const struct till_json *account) {
    struct till_str id = till_json_get_str(account, "id");
    struct till_str trouble = till_json_get_str(account, "trouble");
    struct till_str notify = till_json_get_str(account, "notify_url");
    find(doctor, "keys", id, trouble.len ? trouble : TILL_STR("its settings fit together"),
         trouble.len ? "till account update with the right settings; till key check tells more."
                     : NULL);
    check_signing(doctor, id, till_json_member(account, "signing"));
    if (till_str_starts_with(notify, TILL_STR("http://")) &&
        till_str_is(till_json_get_str(account, "mode"), "live"))
        find(doctor, "notify URL", notify, TILL_STR("a live account is notified over plain HTTP"),
             "Set public_url to an https address.");
    if (!trouble.len)
        check_platform(doctor, id);
}

static void check_figures(struct doctor *doctor, const struct till_json *status) {
    static const struct {
        const char *name, *advice;
    } figures[] = {
        {"discrepancies_open", "A person must decide: GET /admin/discrepancies."},
        {"parked", "Work that crashed the daemon three times waits; see the log."},
        {"deliveries_dead", "Merchants missed events: till endpoint list, then redeliver."},
        {"ledger_imbalance", "The books do not balance: stop, keep the files, report it."},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        int64_t value = 0;
        char detail[64];
        till_json_get_int(status, figures[i].name, &value);
        snprintf(detail, sizeof detail, "%lld", (long long)value);
        find(doctor, "store", till_str_of(figures[i].name), till_str_of(detail),
             value ? figures[i].advice : NULL);
    }
}

/* The answer it stands in is released before the address is tried. */
static void keep_instance(struct doctor *doctor, struct till_str instance) {
    struct till_error err;
    if (!till_arena_copy(doctor->cli->arena, instance, &doctor->instance, &err))
        doctor->instance = TILL_STR_NONE;
}

static void check_daemon(struct doctor *doctor) {
    struct till_error err;
    TILL_JSON_SCOPED struct till_json *status = NULL;
    TILL_JSON_SCOPED struct till_json *accounts = NULL;
    if (!admin_call(doctor->cli, &doctor->place, "GET", TILL_STR("/admin/status"), NULL, &status,
                    &err) ||
        !admin_call(doctor->cli, &doctor->place, "GET", TILL_STR("/admin/accounts"), NULL,
                    &accounts, &err)) {
        find_failure(doctor, "daemon", &err,
                     "Start it: till serve -c CONFIG; its log tells why it ends.");
        return;
    }
    find(doctor, "daemon", till_json_get_str(status, "version"), TILL_STR("running"), NULL);
    keep_instance(doctor, till_json_get_str(status, "instance"));
    check_figures(doctor, status);
    const struct till_json *rows =
        till_json_is_array(accounts) ? accounts : till_json_member(accounts, "data");
    for (size_t i = 0; i < till_json_size(rows) && i < FINDINGS_MAX; i++)
        check_account(doctor, till_json_element(rows, i));
}

static bool say_findings(struct doctor *doctor, struct till_error *err) {
    if (doctor->cli->json) {
        struct till_json *result = till_json_object();
        till_json_set_int(result, "troubles", doctor->troubles);
        till_json_set(result, "findings", doctor->findings);
        return cli_say(doctor->cli, result, err);
    }
    till_json_release(doctor->findings);
    if (doctor->troubles)
        printf("%d of these need a hand.\n", doctor->troubles);
    else
        printf("All is well.\n");
    return true;
}

bool verb_doctor(struct cli *cli, struct till_error *err) {
    struct doctor doctor = {.cli = cli};
    const struct cli_option options[] = {ADMIN_OPTIONS(doctor.place)};
    if (!cli_read(cli, "-c CONFIG", options, ADMIN_OPTION_COUNT, NULL, err))
        return false;
    if (!doctor.place.config.len)
        return TILL_FAIL(err, USAGE, "Name the configuration: till doctor -c CONFIG.");
    doctor.findings = till_json_array();
    if (check_config(&doctor)) {
        check_master_key(&doctor);
        check_daemon(&doctor);
        check_public_url(&doctor);
    }
    if (!say_findings(&doctor, err))
        return false;
    if (doctor.troubles)
        return TILL_FAIL(err, SETTING_INVALID, "%d checks failed.", doctor.troubles);
    return true;
}
