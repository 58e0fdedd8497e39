/* SPDX-License-Identifier: Apache-2.0 */
/* A self-signed certificate for localhost and 127.0.0.1, valid for a hundred years; for tests,
 * worth nothing. */
#ifndef TESTS_UNIT_RT_HTTP_TLS_SAMPLE_H
#define TESTS_UNIT_RT_HTTP_TLS_SAMPLE_H

#define SAMPLE_CERTIFICATE                                                                         \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIBmzCCAUGgAwIBAgIUOlfk47kVk2eV8KzUXl4ekQBgg1IwCgYIKoZIzj0EAwIw\n"                           \
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAxNTkxN1oYDzIxMjYxMDMw\n"                           \
    "MDE1OTE3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"                           \
    "PQMBBwNCAATnh7N5P7jH5dAlGygki7z3fBAWphtnt1p2TxrlnwLrkDMEifCVWdkU\n"                           \
    "W5CRXCIBoau5LFyEIHpgp39n2GIt4onDo28wbTAdBgNVHQ4EFgQUq7PemkR/Ql+O\n"                           \
    "G8orG9AQYLFhQs8wHwYDVR0jBBgwFoAUq7PemkR/Ql+OG8orG9AQYLFhQs8wDwYD\n"                           \
    "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"                           \
    "zj0EAwIDSAAwRQIhAMUiIld8H1jFRJ4WOkAUdTkoxO3Zuwco9i/AifIjcn4FAiAf\n"                           \
    "A5JJahOjkEfk8FreUeK7vs5wJomclHAx0O5ZiDcY3A==\n"                                               \
    "-----END CERTIFICATE-----\n"
#define SAMPLE_KEY                                                                                 \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj9vlewd2TOrEoxmC\n"                           \
    "umKTJlrc5TmDdH9GL5RRExdtQT2hRANCAATnh7N5P7jH5dAlGygki7z3fBAWphtn\n"                           \
    "t1p2TxrlnwLrkDMEifCVWdkUW5CRXCIBoau5LFyEIHpgp39n2GIt4onD\n"                                   \
    "-----END PRIVATE KEY-----\n"
/* Of another certificate. */
#define SAMPLE_OTHER_KEY                                                                           \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8vrpsiq6yNxh8VhR\n"                           \
    "ZgILQTFE4dIOwElE33abOoMSKxahRANCAAS7/E1tQytn2USUhOfZjwYjDwdQHvNY\n"                           \
    "TLJHB6DBpyaPrZm2bDTlV2B2XWE8RfUnnb2jl8Z3/Rsn3uHq1NcX9+xJ\n"                                   \
    "-----END PRIVATE KEY-----\n"

#endif
