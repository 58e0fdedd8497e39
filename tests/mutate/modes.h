/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merchant's account in each mode. All three know the same keys, so one message of the platform
 * can be read by each. The authority's keys are new in every process; its signatures stand in no
 * message, so messages repeat all the same.
 */
#ifndef TESTS_MUTATE_MODES_H
#define TESTS_MUTATE_MODES_H

#include <alipay_ca.h>

#include "tests/unit/alipay/fixture.h"

enum mode { MODE_KEY, MODE_CERTIFICATE, MODE_AES, MODES };

#define MODES_AES_KEY "AAECAwQFBgcICQoLDA0ODw=="

struct modes {
    struct fixture *f;
    struct alipay_ca ca;
    struct till_account *accounts[MODES];
    char platform_sn[TILL_CERTIFICATE_SN_SIZE];
};

void modes_open(struct modes *modes);
void modes_close(struct modes *modes);
/* Settings of the fixture without the platform's key. The caller releases them, or modes_load. */
struct till_json *modes_settings(struct modes *modes);
/* Takes the settings. */
struct till_account *modes_load(struct modes *modes, struct till_json *settings);
/* Under MODES_AES_KEY, base64. */
struct till_str modes_encrypt(struct modes *modes, struct till_str plain);

#endif
