/* SPDX-License-Identifier: Apache-2.0 */
/* Keys made for these tests alone, with the openssl command line. They guard nothing. */
#ifndef TESTS_UNIT_BASE_KEY_SAMPLES_H
#define TESTS_UNIT_BASE_KEY_SAMPLES_H

/* One RSA pair of 1024 bits: PKCS#8, */
#define sample_private                                                                             \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALKCv3B2avMpumJZ\n"                           \
    "pImMXjJcZ7FEfSmGYqP72FDSiyoDjQbI44Lg3BxnTt9+ns8r4RVG5ylteYLy9X4J\n"                           \
    "CGn9Dwl6mzq9L3XRRcMeATWYq33bD+vHPRrKqEWESVvPqh/EeFQL54taSzVu/EMp\n"                           \
    "4Zce7gzs09U90LXRnFgnDAOsUaiLAgMBAAECgYBcpo30MhIaeTr61uoWVhuB6gIL\n"                           \
    "uK95wP0rfYhtkomWWdd1gQjMoia8O0Ztq4uDnZOqdm1+TAq4U5/lNYz/bc/CTZfn\n"                           \
    "RhR7X76qqhdH7O66sSfP/iOuOkGIk0pptA+F6VmD19HjthbWhkjHxOxXbM1RVgSW\n"                           \
    "QE5N9kCiIcusuJ2r8QJBAO1Z5Dp3oY7eeXqOPMT2bIxN+DuQpuPwBkZUhHNQM9pt\n"                           \
    "4ttBq43ueA3jppBjuq1EhgLdTU/sqK0qiP8Ci0/9SkkCQQDAiVVhv4RzdU5A+Hop\n"                           \
    "SBPcH7mvdIQc6MyTaGHBJYClUwmRewv4FbBX2g/dKGwbxNSkD65fk2ZUcvNFWFUJ\n"                           \
    "3PwzAkEAo/KkwHIkKYCpHqujdFXXUu8EmXhonygL3YbB2rk6qBWhTtxEuQxQ5x8p\n"                           \
    "zbDloIulmdLtdVi+hqbL7IIAYudN6QJAGMBO6p79Pv6AjdejlLUAYJbvfv/CkBjZ\n"                           \
    "W8Xac0MH87jmDP69fioDnneY/Hxa0YMPNvwRFZZUXFzeqzZ80CTJgwJBAIR1lKJd\n"                           \
    "4fRQtVLSIB7I15V9uS4WtO1xOoXuo9oDfIikIFazALRKN6ppAwrHC+72rrUuJVj9\n"                           \
    "vxMVNAMnfEv2PfQ=\n"                                                                           \
    "-----END PRIVATE KEY-----\n"

/* its public half, */
#define sample_public                                                                              \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCygr9wdmrzKbpiWaSJjF4yXGex\n"                           \
    "RH0phmKj+9hQ0osqA40GyOOC4NwcZ07ffp7PK+EVRucpbXmC8vV+CQhp/Q8Jeps6\n"                           \
    "vS910UXDHgE1mKt92w/rxz0ayqhFhElbz6ofxHhUC+eLWks1bvxDKeGXHu4M7NPV\n"                           \
    "PdC10ZxYJwwDrFGoiwIDAQAB\n"                                                                   \
    "-----END PUBLIC KEY-----\n"

/* the same as RSAPublicKey, */
#define sample_public_pkcs1                                                                        \
    "-----BEGIN RSA PUBLIC KEY-----\n"                                                             \
    "MIGJAoGBALKCv3B2avMpumJZpImMXjJcZ7FEfSmGYqP72FDSiyoDjQbI44Lg3Bxn\n"                           \
    "Tt9+ns8r4RVG5ylteYLy9X4JCGn9Dwl6mzq9L3XRRcMeATWYq33bD+vHPRrKqEWE\n"                           \
    "SVvPqh/EeFQL54taSzVu/EMp4Zce7gzs09U90LXRnFgnDAOsUaiLAgMBAAE=\n"                               \
    "-----END RSA PUBLIC KEY-----\n"

/* a certificate over it (until 2036-11-20T01:41:10Z), */
#define sample_certificate                                                                         \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIB+jCCAWOgAwIBAgIUT7sSeQNfrwROmWD7qsmrU/wZvLQwDQYJKoZIhvcNAQEL\n"                           \
    "BQAwDzENMAsGA1UEAwwEdGlsbDAeFw0yNjExMjMwMTQxMTBaFw0zNjExMjAwMTQx\n"                           \
    "MTBaMA8xDTALBgNVBAMMBHRpbGwwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGB\n"                           \
    "ALKCv3B2avMpumJZpImMXjJcZ7FEfSmGYqP72FDSiyoDjQbI44Lg3BxnTt9+ns8r\n"                           \
    "4RVG5ylteYLy9X4JCGn9Dwl6mzq9L3XRRcMeATWYq33bD+vHPRrKqEWESVvPqh/E\n"                           \
    "eFQL54taSzVu/EMp4Zce7gzs09U90LXRnFgnDAOsUaiLAgMBAAGjUzBRMB0GA1Ud\n"                           \
    "DgQWBBQddf2TPb7s8wJQuCMlSNY/woNOwTAfBgNVHSMEGDAWgBQddf2TPb7s8wJQ\n"                           \
    "uCMlSNY/woNOwTAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4GBACJA\n"                           \
    "7PmEY2aWIsVs8ByZML7e4IJpd9iC4/c2A4qWLKlahYWW+9zOgU60NZE4YQvVSkli\n"                           \
    "kaKY6CuAuKzWnWS07uMWu2/oBo9TOWeKP3sdciQ+KqSMLGYbOpJOUv++m8Uo35JB\n"                           \
    "VuyX/zcqOjvBxRNPsfzw5pW8f59VxfUm1STc5dn6\n"                                                   \
    "-----END CERTIFICATE-----\n"

/* the private half under the password "secret", */
#define sample_encrypted                                                                           \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                      \
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIr9j5dFsRFw4CAggA\n"                           \
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBAA0r2tELjWF49UNzDVON3wBIIC\n"                           \
    "gEm3lUkQA26AaJvu3gkVbeg1/3I3+lcOXJCNfAEXESCgNEUp5OFmAkHjKvahyN5x\n"                           \
    "NuS5Oyw5RHcn8Z+3hMo2ZjXggqH67weOZiBELBFXhrE4Q+m/Al0UiCJRbPWkBP/r\n"                           \
    "BF4OK/Vrmagt2SCr7UdV9kylg+GFqHjiXhQB9wjynYqYHcvnVnq9uc4fNkNPw3FG\n"                           \
    "YYToJslJyuJzDyTMltZZmV3+lyKapHhIJxUB9M43/mgQyBEtjcjxNE9GuLvT20jM\n"                           \
    "TGmnL1M2zCZmIyPtkreoX+7Gc++TjBKvvNxHwFOXbJrSrExRISyaim7ilE4iqBD2\n"                           \
    "EjFYqGvuYNyysTp/2XHok0Fd6RGQibSR8HoG0ARrnNTsuaiblNrYCb2xeUct5Hm6\n"                           \
    "tG8Ekwe84JV7gi8USylWqwM4bXxBobWzN1aLcd8/8ruBwPRPdNOZD5h92uN0zg3S\n"                           \
    "hsRL0X+eGyibd4kR1lW+gHHRXiGNvQGMekhRbc2uo1gsKgiJLtSgpFi2nvtjqH1d\n"                           \
    "aaqrUU+QDPvJQsWjPj0P0F6aDJn4HdDOgQdXz+PvvKGQRiQlcap20U6q4rvKTtkO\n"                           \
    "9VOe9a21iL9Wf5++snUsGO0YkiaNmVEja+yxaTlEgeqebv/FWiCYm/yOy6bTOfNy\n"                           \
    "HOE6gBKGCVwo3rUnLEhpC3gg6xi6QEtdySnXDorpQqwtBgwqK3dUyzg5pR5OtOvm\n"                           \
    "1C/T56mymnZ+VgMzLNJwIb5OVoGauhz922wTEDoNE+XSSgNh57B8UjoSJaZuHO7d\n"                           \
    "8Wxq+JwU0FlmwJC/fPlCtpRXFKNY1Z3bBxlakP0vsmdsJg9xBZxd3dduAloNp7s+\n"                           \
    "FcnR3jiDfBSTMVE8sJaptJ0=\n"                                                                   \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

/* and in the old form of that. */
#define sample_encrypted_old                                                                       \
    "-----BEGIN RSA PRIVATE KEY-----\n"                                                            \
    "Proc-Type: 4,ENCRYPTED\n"                                                                     \
    "DEK-Info: AES-128-CBC,C9AD828BEDC627CDD10CFBBCC4787DEF\n"                                     \
    "\n"                                                                                           \
    "+Dp01IGFRkPjZ5W2pTt1ywd94lzkRULozZsrwTneauSj4FmCD70fT0ib4zz+OYbA\n"                           \
    "czUMdPdtHx+BPufCwbdK8z7X2rCFsBFoGfqgZsV1TSQ4SvAC87RPIBoIqwXx5hhW\n"                           \
    "WiDFPaWGz7ZA045UxVi2KqvQ3r1G8fZKfIIW+RPyTTXtisO1pXoYv8mAs0F4zkX2\n"                           \
    "M0cC4RwvL1TmxkSBqBbnT98hbLmmSpkOaGyCE1QWwR+76B3rGcSkgqGitKjA8YW+\n"                           \
    "F+w8FKx6FmkfXFnhDtXQ4+rDDuD1TAnkFMRkkdVoC517FUGnmhYWJNv7jvSKHjfu\n"                           \
    "+oyZDPH8aCVuo9Loxh8nCbKUd3o7vjLlrGNuPdR3EvJjHZgaFjGlhBsZL0lwufak\n"                           \
    "+wSay4CwLui2wxEkEFHuQ3E0ynAPQpFbbInfw3LEOVPnhXPzYEuWFVXmBcoqHEyz\n"                           \
    "H2+bb4dDRfd33+GsncIyet956ogsI/G0flhGeKnrOrUn5QTqiFaxpjinU+rLxE8h\n"                           \
    "SiusE/s0Oxo0qjYsjwNxbWjz0owYsimuUq++qPQ6+XMEBHfsAUlUrNBAoCQe3SjI\n"                           \
    "tyHRZPXtDW9B7pXq3mqaa/S1zLS0iJg7cfnm6IT0SFACVqrrGDeYFNdIHWhhg+V1\n"                           \
    "cVAXna/XAch62U94uXgFCeaxDW8Up/DK4EVS6UmBSLXHd4Npn3PZ+7zJMi33jUkn\n"                           \
    "l9nL1PxWS3qZJ3iqu5T0vzTbERiM8iFysyxhgFfR7AXCiKxdxsKcSobrzTugCM+J\n"                           \
    "mQG38U/MoYZxTHCJT3nntDn8jfZGKx1/ZOLBkU2UKzYdzjHJtsXBJMEgY0hFEG5T\n"                           \
    "-----END RSA PRIVATE KEY-----\n"

/* P-256, private and public */
#define sample_ec                                                                                  \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggOhipm+T+EgX6p4dS5qW4LXk7aMW"                 \
    "j32OfUb7vSLEKJihRANCAAQCk92OMoALnFF/bNOGTu1EIKJBk9x/cy+bm9ikB4brVItQYwFxV/dF"                 \
    "hR3sCaQCVbtiRAjXPlLEhwcwNclxIrbr"

#define sample_ec_public                                                                           \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEApPdjjKAC5xRf2zThk7tRCCiQZPcf3Mvm5vYpAeG"                 \
    "61SLUGMBcVf3RYUd7AmkAlW7YkQI1z5SxIcHMDXJcSK26w=="

/* RSA of 512 bits, private and public */
#define sample_weak                                                                                \
    "MIIBOwIBAAJBAMVrsdDIiUIVyKSGuBDN9BznuhtrSS2+C7i3yOBnv155NCImZnyQlnqRYadcy/wY"                 \
    "u4GvGB4na3t2cOk/N1tWzjMCAwEAAQJBALI87hhixVGN2013d/1sBGaIbEVPEo2i1HBcNZcs8+D1"                 \
    "E1p73ZQxn2O89W6TanHsbZ/R2+D8eqaF3fumI0yrGuECIQD0ZF6mxI4PK0PLsPmyfh0iY3pei7gX"                 \
    "H7wHVe9pOfhw4wIhAM7ML9Z1htDbHYVeH0EVUZ30PGbM+fa0dtvyVO/PMj5xAiA8ROxasCpgb0j+"                 \
    "2JwbeqJwspug6U/y0+6o2HZ8OsGcBQIhAK6bGt0h+IXKLH/aO9txC6upd4J5GakjMKR/VRXyRQMR"                 \
    "AiAr1bmrjEQGezbSt6TADhy8xNen1ZuDX+p/BhKaAn1jjw=="

#define sample_weak_public                                                                         \
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMVrsdDIiUIVyKSGuBDN9BznuhtrSS2+C7i3yOBnv155"                 \
    "NCImZnyQlnqRYadcy/wYu4GvGB4na3t2cOk/N1tWzjMCAwEAAQ=="

/* A request for a certificate, made with the pair above. */
#define sample_request                                                                             \
    "-----BEGIN CERTIFICATE REQUEST-----\n"                                                        \
    "MIIBeDCB4gIBADA5MQswCQYDVQQGEwJDTjEPMA0GA1UECgwGQ29mZmVlMRkwFwYD\n"                           \
    "VQQDDBAyMDIxMDAwMDAwMDAwMDAxMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKB\n"                           \
    "gQCygr9wdmrzKbpiWaSJjF4yXGexRH0phmKj+9hQ0osqA40GyOOC4NwcZ07ffp7P\n"                           \
    "K+EVRucpbXmC8vV+CQhp/Q8Jeps6vS910UXDHgE1mKt92w/rxz0ayqhFhElbz6of\n"                           \
    "xHhUC+eLWks1bvxDKeGXHu4M7NPVPdC10ZxYJwwDrFGoiwIDAQABoAAwDQYJKoZI\n"                           \
    "hvcNAQELBQADgYEAHg/7j/v28Td8X3i7Z1G4NE5nSGqlJUwvR2YXu1/zr64qOL7d\n"                           \
    "CpvrvnfHC6n87NU15ImEdy3Pz8zSrzCA4ocBx5hUbVIBt4TcEWgcuMLtbL/en8x2\n"                           \
    "es5/oDfvKLICjXqA8Eyu08z09q0oeQgX6gxZ4hA+ClNow37Ywplu19PbuDM=\n"                               \
    "-----END CERTIFICATE REQUEST-----\n"

#endif
