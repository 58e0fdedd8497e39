/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys made for these tests alone, one bare base64 line each, as a merchant would upload
 * them. Their private halves, where there are any, were thrown away. */
#ifndef TESTS_UNIT_BASE_SIGNING_SAMPLES_H
#define TESTS_UNIT_BASE_SIGNING_SAMPLES_H

/* 2047 bits. */
#define weak_rsa_2047                                                                              \
    "MIIBITANBgkqhkiG9w0BAQEFAAOCAQ4AMIIBCQKCAQBCEKWyss5dqFWKfvuslfOEljrdkkDQNCsxiKJmNnnaWqYv"     \
    "ewngynjgReKl7qLx5VtxcsDJ7TD4zYUatt+RxZiIZGhlv7zpaVs7r20kaHSxfpAcKF3/9CVMrQiTPXvGskjgJR4B"     \
    "2A22L1mfIfBEUlEndhRVNroE6leUBFQ81BnkpbSdBHmYiq/FmD7n/VSfAc14cocTVUcuQNmaJyDtfeYr6vJk4guB"     \
    "o4SiYC5Pmn3Nc4O6mftvR9tZMpoppTcSqMSbHaDpbcTraCqRNZvV7MWTAXZCjk3YX2eRYXRns+KAwCFCGxSv4Gbc"     \
    "UJkOwBQAM5KnVzOC+umbgQAjfWTWkehRAgMBAAE="

/* The public exponent 1: whatever is sent is its own signature. */
#define weak_rsa_exponent_1                                                                        \
    "MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAtGzCtA/DAnHAt2hYmfT5K9DbNwish/C7QmsHIHCl/MwZ"     \
    "Emu/ADmqvJ99uPXNpk9KuEhvZxPvV8ZLcH89sv67ZMzuygMHiVUC5R0+qidyq+C0Zu6w++og/KbaOwujCFwV9lIA"     \
    "1WhwG1klcx0lXeQdwPlMMKR+KVEYZb6w/s0zxzpRW2Ti1aoJVYI1SvrmKpGMJM07arCux036uMMzYgRM1lmQ0R7p"     \
    "wc5HR77AVcnncgVAcE+M/3us//0RGZWNnR9ybUrpIyGTeTuz7RlRlL1zjt54nfPfCPyHEm/2YUlXuYLjKfBqBTXv"     \
    "JWDd3bCT+OXAHjCVoWQS7062tLiJfuNC8QIBAQ=="

/* The public exponent 3. */
#define weak_rsa_exponent_3                                                                        \
    "MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAtGzCtA/DAnHAt2hYmfT5K9DbNwish/C7QmsHIHCl/MwZ"     \
    "Emu/ADmqvJ99uPXNpk9KuEhvZxPvV8ZLcH89sv67ZMzuygMHiVUC5R0+qidyq+C0Zu6w++og/KbaOwujCFwV9lIA"     \
    "1WhwG1klcx0lXeQdwPlMMKR+KVEYZb6w/s0zxzpRW2Ti1aoJVYI1SvrmKpGMJM07arCux036uMMzYgRM1lmQ0R7p"     \
    "wc5HR77AVcnncgVAcE+M/3us//0RGZWNnR9ybUrpIyGTeTuz7RlRlL1zjt54nfPfCPyHEm/2YUlXuYLjKfBqBTXv"     \
    "JWDd3bCT+OXAHjCVoWQS7062tLiJfuNC8QIBAw=="

/* An even exponent. */
#define weak_rsa_exponent_even                                                                     \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtGzCtA/DAnHAt2hYmfT5K9DbNwish/C7QmsHIHCl/MwZ"     \
    "Emu/ADmqvJ99uPXNpk9KuEhvZxPvV8ZLcH89sv67ZMzuygMHiVUC5R0+qidyq+C0Zu6w++og/KbaOwujCFwV9lIA"     \
    "1WhwG1klcx0lXeQdwPlMMKR+KVEYZb6w/s0zxzpRW2Ti1aoJVYI1SvrmKpGMJM07arCux036uMMzYgRM1lmQ0R7p"     \
    "wc5HR77AVcnncgVAcE+M/3us//0RGZWNnR9ybUrpIyGTeTuz7RlRlL1zjt54nfPfCPyHEm/2YUlXuYLjKfBqBTXv"     \
    "JWDd3bCT+OXAHjCVoWQS7062tLiJfuNC8QIDAQAC"

/* An exponent of 41 bits. */
#define weak_rsa_exponent_large                                                                    \
    "MIIBJTANBgkqhkiG9w0BAQEFAAOCARIAMIIBDQKCAQEAtGzCtA/DAnHAt2hYmfT5K9DbNwish/C7QmsHIHCl/MwZ"     \
    "Emu/ADmqvJ99uPXNpk9KuEhvZxPvV8ZLcH89sv67ZMzuygMHiVUC5R0+qidyq+C0Zu6w++og/KbaOwujCFwV9lIA"     \
    "1WhwG1klcx0lXeQdwPlMMKR+KVEYZb6w/s0zxzpRW2Ti1aoJVYI1SvrmKpGMJM07arCux036uMMzYgRM1lmQ0R7p"     \
    "wc5HR77AVcnncgVAcE+M/3us//0RGZWNnR9ybUrpIyGTeTuz7RlRlL1zjt54nfPfCPyHEm/2YUlXuYLjKfBqBTXv"     \
    "JWDd3bCT+OXAHjCVoWQS7062tLiJfuNC8QIGAQAAAAAP"

/* A modulus that 7 divides. */
#define weak_rsa_small_factor                                                                      \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqTO8R58krPy3ZdN879N6J6hKTm3WR3oOz4AnMq5imomu"     \
    "Sqew1Tn/DxbuEb0EW4+cicg9igPt8pTsBzmjq/YrSEmndfwitnzdEaYvf2JeBTN7vOJkp+2pmfMEtBDm00CiHd5s"     \
    "Vrcqjv4vOQwTDUIajFlY7Q8oToFcqNf5/mAI1TRnThUiXJxNd80uXKsDKcai3K9OwXm0d9ppJ9LxJYBN4lrOZ8tL"     \
    "hMnVRxVa0DQuFBnyBaA8dQ2EqHYiaTivB1EtW2eLq2cfM36/aD8m5FXgdrNWWUjhM4UPWjfk7d87lZwzB4Tzv7T8"     \
    "wDzAa7yhii+RuEps5qLr76wRWQHB/jz6kQIDAQAB"

/* A modulus that is a prime. */
#define weak_rsa_prime                                                                             \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz+86/eNIRBwWA3vctruWwzCfN6xBaf8vENYW1YFfp8GW"     \
    "e7mDUhOtaR55Z5jVdoLDdyPesEYzhWC1rjOGlfYU4BORDHjBgoqE3YiadEpgOXyUf2hOwfWX73e+UZb9crWH6FhG"     \
    "oZ+ui+iTaLxt8kibcoVKC73txtWR4n1w5tczD1DbmVzc5nlHi2BMC82zbOGfo1V/xzV0m7CSvyHogZG1wkYN7b/U"     \
    "hPEgEr8sGwq+LReos4R35EJSf/xQ7LxGhFmf/vlr5MtwWtX+ThZgle2/I9KCOjAk7unLWJEBimE6afSZRI2mBVLV"     \
    "+GMb2WIqU2lkxRfDN1JHAtzMIcHhi0PoRQIDAQAB"

/* 5120 bits. */
#define large_rsa_5120                                                                             \
    "MIICojANBgkqhkiG9w0BAQEFAAOCAo8AMIICigKCAoEAqK68kG4cPWM9209rj+fQi5PmQi8GqTKjrD8XdCgVOomi"     \
    "60snT1Kq/oCngCI5HSNpKJdXKU249u/G/DhTNz/rEdPa2I/HlL/Atvu+eR6ioVfcIRK966AdauOu18Vr3GOuEdV1"     \
    "Mq23TYemqZ36YpxaIzEooGp2Fstb9meoW+asd5fAbjB6XwVj/8SQiaeujtjcenLQ4oUNbvvI0QTWSNAeGW2En5DS"     \
    "enlmD1ho03Dpo8yKclAhnCGalAqCUqyGIMpYQnBRBnSiS+hmdG0EYNt619ecLIpjg9TayPJLKRCkhhL1MnpBScEc"     \
    "LtfmFfbbnejqJG+v/fi4d+BA5QI57gYR2hLln5cwmxov1Aad/ZjT52Fo9QTQELYMfqJ6rChzYDXqGYhimlZq0WAA"     \
    "7kONP4A5bWi08Cd4K8yK/NPAgkx3KEMyC1fDcTdlTSmiE/J13JPE31amiJUs+j0ebEIL5C0pYpGuqMPZ2bMVi0Fd"     \
    "7wHPdPWGg3Tzf9AcyGtLaRtvWQVUzEmhZ+QRGqzFzPFvEd/lstVhsNwNc8e8YVapfWSiT/2lp50+pkSwjxN9s7dB"     \
    "XesJYYFszzlurUegx9VWmSNIdaqrgbq2e/Lu/Fzkmy3Incu5PvfyfSsugujd4g2lpvBSoKqy5XkbUpU8MXSLiC30"     \
    "O5vSHstieZr639Cauhjfv/Y4lek+1nWNfSDxrDzKH986OkUDmtoeP7qpOmjWEUx4DMX/BfQdaY88YFno6pgrFDgS"     \
    "eVY7chn1oNska8f1KkIBDeiBro6rNYB9iiSoGQubKAqS43J2k7mVoAhaqmB5BvaQNpvwzmCLlek4W6DsSkBn54xg"     \
    "iRoVhQ9Jtyr3BvaF5wIDAQAB"

/* Nothing wrong: 2048 bits, 65537. */
#define good_rsa_2048                                                                              \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtGzCtA/DAnHAt2hYmfT5K9DbNwish/C7QmsHIHCl/MwZ"     \
    "Emu/ADmqvJ99uPXNpk9KuEhvZxPvV8ZLcH89sv67ZMzuygMHiVUC5R0+qidyq+C0Zu6w++og/KbaOwujCFwV9lIA"     \
    "1WhwG1klcx0lXeQdwPlMMKR+KVEYZb6w/s0zxzpRW2Ti1aoJVYI1SvrmKpGMJM07arCux036uMMzYgRM1lmQ0R7p"     \
    "wc5HR77AVcnncgVAcE+M/3us//0RGZWNnR9ybUrpIyGTeTuz7RlRlL1zjt54nfPfCPyHEm/2YUlXuYLjKfBqBTXv"     \
    "JWDd3bCT+OXAHjCVoWQS7062tLiJfuNC8QIDAQAB"

/* The largest that is taken. */
#define good_rsa_4096                                                                              \
    "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAjZmiOo9UOBAbfvQm/5ErlwQ/RYBD1MVcZg/6IchFwhwF"     \
    "AbhHLDkneFkbW7JotF2GdY4T6weluheyg7IUn4Hc8HBuVl0CX4JUYyjwe6Hz8yFH/j2NxOJhqRwv/yAcuJPJTnEo"     \
    "xpSzmu2Xboghuj0o2a4AB/Oy2q6TAIAX8H4Z5HBKZPSrgB84Juqij5phSglAVMc0k+kHTHcTIqtI6Ct9xk/rjIFX"     \
    "LqvESH2rpneB3TMs+JHUDJZopnFOOHXyUux2WXfGUXeyXCL2y4riMCGtMDHK8iWyX5AXoXOLE20DxKwV0+P2gzbm"     \
    "45hnzf6DfTCwLzomcwn+O4Fs3gxXWbnGFiTV2O7TSzysNiatBQ48E9xrMpONdmd1mlJzlBKqElT0PJrfRPOIqaem"     \
    "T5Z1yzMXHIywpbw+KqCNdA3kB8quphFPMI4wCBv2Iqwu9pfNyVARfaiQe8D3qaeTaRLnPevrn4S3agwxITgfWV3u"     \
    "XfXRRuA7ue1hyFk2ylfc+VB8GTYnnRzvtw3TI1jI3RoiWD6faVrNtYMlbEci3o9eTCSobJdtdSCMO/KeyHXpaBYe"     \
    "o6OuLEppKvvNvPVY3yurFugvVit8f+DUkrTDGVoeWTkz8P25slQv93bwASs+vtLIzTFG4bc94VUP9km+OfX9aGw5"     \
    "yLu2ZReL5T0i7OngmKyQXl8CAwEAAQ=="

/* An elliptic curve that nothing here signs with. */
#define other_ec_p256                                                                              \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9+wHXTpzcCd03Ndo/O2BOk4b8JE7Qi1NBuEOm/v5br/qwSl7l7mV"     \
    "iyyCNEKDcqlzQPQt4GABp/eKt02zymdrig=="

#endif
