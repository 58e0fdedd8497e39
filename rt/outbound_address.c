/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/outbound.h>

struct range {
    unsigned char bytes[16];
    unsigned bits;
};

/* IANA's IPv4 special-purpose registry (RFC 6890 and successors), and what clouds answer metadata
 * at. */
static const struct range SPECIAL_V4[] = {
    {{0}, 8},                 /* this network */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* carrier-grade NAT; a cloud's metadata at 100.100.100.200 */
    {{127}, 8},               /* loopback */
    {{169, 254}, 16},         /* link-local; metadata at 169.254.169.254 */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* protocol assignments; metadata at 192.0.0.192 */
    {{192, 0, 2}, 24},        /* documentation */
    {{192, 88, 99}, 24},      /* 6to4 relays */
    {{192, 168}, 16},         /* private */
    {{198, 18}, 15},          /* benchmarking */
    {{198, 51, 100}, 24},     /* documentation */
    {{203, 0, 113}, 24},      /* documentation */
    {{168, 63, 129, 16}, 32}, /* a cloud's host agent, in public space */
    {{224}, 4},               /* multicast */
    {{240}, 4},               /* reserved, broadcast */
};

/* Only 2000::/3 is global unicast: mapped, compatible, NAT64, loopback, local and multicast forms
 * lie outside. */
static const struct range GLOBAL_V6 = {{0x20}, 3};
static const struct range SPECIAL_V6[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocol assignments: Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: carries an IPv4 address */
    {{0x3f, 0xff}, 20},             /* documentation */
};

static bool covers(const struct range *range, const unsigned char *address) {
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->bytes, address, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return (range->bytes[whole] & mask) == (address[whole] & mask);
}

static bool any_covers(const struct range *ranges, size_t count, const unsigned char *address) {
    for (size_t i = 0; i < count; i++)
        if (covers(&ranges[i], address))
            return true;
    return false;
}

bool outbound_address_is_public(int family, const unsigned char *address) {
    if (family == AF_INET)
        return !any_covers(SPECIAL_V4, sizeof SPECIAL_V4 / sizeof SPECIAL_V4[0], address);
    if (family == AF_INET6)
        return covers(&GLOBAL_V6, address) &&
               !any_covers(SPECIAL_V6, sizeof SPECIAL_V6 / sizeof SPECIAL_V6[0], address);
    return false;
}

bool outbound_address_is_loopback(int family, const unsigned char *address) {
    static const unsigned char LOOPBACK_V6[16] = {[15] = 1};
    if (family == AF_INET)
        return address[0] == 127;
    return family == AF_INET6 && memcmp(address, LOOPBACK_V6, sizeof LOOPBACK_V6) == 0;
}
