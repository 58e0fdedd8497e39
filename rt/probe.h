/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For `till doctor`: how far does a connection to an address get? Name, TCP, TLS, HTTP, with what
 * can be learned on the way (the other side's clock, the certificate's end). Waits up to the
 * timeout; TLS is verified as always.
 */
#ifndef RT_PROBE_H
#define RT_PROBE_H

#include <till/arena.h>

enum probe_stage { PROBE_DNS, PROBE_TCP, PROBE_TLS, PROBE_HTTP, PROBE_DONE };

struct probe {
    enum probe_stage
        failed; /* the stage that failed; PROBE_DONE: an HTTP answer came, whatever its status */
    int status; /* of that answer */
    int64_t server_clock_us;        /* its Date header; 0: none */
    int64_t certificate_expires_us; /* of the leaf; 0: no TLS */
    char instance[64];              /* a till says which it is (its Till-Instance header) */
    char address[64];               /* that was connected to */
    char reason[192];               /* one sentence */
};

const char *probe_stage_name(enum probe_stage stage);
/* ca_file: extra trust anchors (PEM file) or empty. */
void probe_url(struct till_arena *arena, struct till_str url, struct till_str ca_file,
               int64_t timeout_us, struct probe *ret);

#endif
