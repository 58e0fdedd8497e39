/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files: as they are, cut at each length, and with each byte changed. So
 * the corpus is a test in every build, without libFuzzer.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 16, VARIED_MAX = 512 };

/* A copy of exactly that size, so that a sanitizer sees one byte too far. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    assert(copy);
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_varied(uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size && i < VARIED_MAX; i++) {
        run(bytes, i);
        bytes[i] ^= 0x01;
        run(bytes, size);
        bytes[i] ^= 0x81;
        run(bytes, size);
        bytes[i] ^= 0x80;
    }
}

static bool run_file(const char *folder, const char *name, bool is_varied) {
    static uint8_t bytes[INPUT_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run(bytes, size);
    if (is_varied)
        run_varied(bytes, size);
    return true;
}

/* replay FOLDER [plain]: "plain" leaves the variations out, for slow targets. */
int main(int argc, char **argv) {
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    size_t files = 0;
    if (!folder)
        return fprintf(stderr, "usage: replay FOLDER [plain]\n"), 2;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.')
            files += run_file(argv[1], entry->d_name, argc < 3);
    }
    closedir(folder);
    printf("%zu files\n", files);
    return files ? 0 : 1;
}
