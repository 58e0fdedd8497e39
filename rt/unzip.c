/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/unzip.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zip.h>

enum { CHUNK = 64 * 1024, RATIO_FREE = 64 * 1024, NAME_MAX_BYTES = 256, ENTRIES_MOST = 64 };

struct entry {
    struct till_str name;
    int64_t size;
};

struct unzip {
    zip_t *zip;
    zip_file_t *file; /* of the entry that is being unpacked */
    size_t current;
    int64_t given;
    struct entry *entries;
    size_t count;
    char chunk[CHUNK];
};

static bool refuse(struct till_error *err, const char *what) {
    return TILL_FAIL(err, ARCHIVE_INVALID, "%s", what);
}

/* ---- the directory ---- */

/* A plain file name. A backslash can be half of a GBK character, but no bill's name has one. */
static bool is_plain_name(struct till_str name) {
    if (name.len == 0 || name.len > NAME_MAX_BYTES || name.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f ||
            memchr("/\\:", name.ptr[i], 3))
            return false;
    return true;
}

static bool is_twice(const struct unzip *unzip, struct till_str name) {
    for (size_t i = 0; i < unzip->count; i++)
        if (till_str_equal(unzip->entries[i].name, name))
            return true;
    return false;
}

/* What a packer on Unix noted as the kind of file. */
static bool is_special(zip_t *zip, zip_uint64_t index) {
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) != 0)
        return true;
    mode_t kind = (mode_t)(attributes >> 16) & S_IFMT;
    return system == ZIP_OPSYS_UNIX && kind != 0 && kind != S_IFREG;
}

static bool check_kind(const zip_stat_t *stat, bool special, struct till_error *err) {
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((stat->valid & needed) != needed)
        return refuse(err, "An entry of the archive does not say its size, checksum and method.");
    if (special)
        return refuse(err, "The archive holds a link or another special file.");
    if (stat->encryption_method != ZIP_EM_NONE)
        return refuse(err, "The archive is encrypted.");
    if (stat->comp_method != ZIP_CM_STORE && stat->comp_method != ZIP_CM_DEFLATE)
        return refuse(err, "The archive uses a method other than deflate.");
    return true;
}

static bool check_size(const zip_stat_t *stat, const struct unzip_limits *limits, int64_t *total,
                       struct till_error *err) {
    if (stat->size > (zip_uint64_t)limits->entry_max ||
        (*total += (int64_t)stat->size) > limits->total_max)
        return TILL_FAIL(err, ARCHIVE_INVALID,
                         "The archive would unpack to more than its limit of %lld bytes.",
                         (long long)limits->entry_max);
    if (stat->size > RATIO_FREE && stat->size / (zip_uint64_t)limits->ratio_max > stat->comp_size)
        return TILL_FAIL(err, ARCHIVE_INVALID,
                         "An entry of the archive would grow more than %lld times.",
                         (long long)limits->ratio_max);
    return true;
}

static bool add_entry(struct unzip *unzip, zip_uint64_t index, const struct unzip_limits *limits,
                      int64_t *total, struct till_error *err) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(unzip->zip, index, ZIP_FL_ENC_RAW, &stat) != 0)
        return refuse(err, "The archive's directory cannot be read.");
    const char *raw = zip_get_name(unzip->zip, index, ZIP_FL_ENC_RAW);
    struct till_str name = till_str_of(raw);
    if (!is_plain_name(name))
        return refuse(err, "The archive holds a name that is no plain file name, such as a path.");
    if (is_twice(unzip, name))
        return refuse(err, "The archive holds two files of one name.");
    if (!check_kind(&stat, is_special(unzip->zip, index), err) ||
        !check_size(&stat, limits, total, err))
        return false;
    unzip->entries[unzip->count++] = (struct entry){name, (int64_t)stat.size};
    return true;
}

static bool read_directory(struct unzip *unzip, const struct unzip_limits *limits,
                           struct till_error *err) {
    zip_int64_t count = zip_get_num_entries(unzip->zip, 0);
    int64_t most = limits->entries_max < ENTRIES_MOST ? limits->entries_max : ENTRIES_MOST;
    int64_t total = 0;
    if (count < 1 || count > most)
        return TILL_FAIL(err, ARCHIVE_INVALID, "The archive holds %lld files; 1 to %lld are taken.",
                         (long long)count, (long long)most);
    unzip->entries = calloc((size_t)count, sizeof *unzip->entries);
    if (!unzip->entries)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    for (zip_int64_t i = 0; i < count; i++)
        if (!add_entry(unzip, (zip_uint64_t)i, limits, &total, err))
            return false;
    return true;
}

/* libzip counts a NUL within a name as its end; the directory's own length tells. */
static bool has_nul_in_a_name(struct till_str archive) {
    for (size_t i = 0; i + 46 <= archive.len; i++) {
        const unsigned char *at = (const unsigned char *)archive.ptr + i;
        if (memcmp(at, "PK\1\2", 4) != 0)
            continue;
        size_t len = (size_t)at[28] | (size_t)at[29] << 8;
        struct till_str name = till_str_sub(archive, i + 46, len);
        if (till_str_find(name, '\0') < name.len)
            return true;
    }
    return false;
}

static bool open_zip(struct unzip *unzip, struct till_str archive, struct till_error *err) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(archive.ptr, archive.len, 0, &error);
    if (source)
        unzip->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (source && !unzip->zip)
        zip_source_free(source);
    bool is_starved = zip_error_code_zip(&error) == ZIP_ER_MEMORY;
    zip_error_fini(&error);
    if (unzip->zip)
        return true;
    if (is_starved)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return refuse(err, "It is not a whole zip archive: cut, damaged, or something else.");
}

bool unzip_open(struct till_str archive, const struct unzip_limits *limits,
                struct unzip **ret_unzip, struct till_error *err) {
    if (archive.len == 0 || (int64_t)archive.len > limits->archive_max)
        return TILL_FAIL(err, ARCHIVE_INVALID, "The archive has %zu bytes; 1 to %lld are taken.",
                         archive.len, (long long)limits->archive_max);
    if (has_nul_in_a_name(archive))
        return refuse(err, "The archive holds a name with a NUL in it.");
    struct unzip *unzip = calloc(1, sizeof *unzip);
    if (!unzip)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!open_zip(unzip, archive, err) || !read_directory(unzip, limits, err)) {
        unzip_close(unzip);
        return false;
    }
    *ret_unzip = unzip;
    return true;
}

void unzip_close(struct unzip *unzip) {
    if (!unzip)
        return;
    if (unzip->file)
        zip_fclose(unzip->file);
    if (unzip->zip)
        zip_discard(unzip->zip);
    free(unzip->entries);
    free(unzip);
}

size_t unzip_count(const struct unzip *unzip) {
    return unzip->count;
}

struct till_str unzip_name(const struct unzip *unzip, size_t index) {
    return unzip->entries[index].name;
}

int64_t unzip_size(const struct unzip *unzip, size_t index) {
    return unzip->entries[index].size;
}

/* ---- the content ---- */

bool unzip_begin(struct unzip *unzip, size_t index, struct till_error *err) {
    if (unzip->file)
        zip_fclose(unzip->file);
    unzip->given = 0;
    unzip->current = index;
    unzip->file = zip_fopen_index(unzip->zip, index, 0);
    return unzip->file || refuse(err, "An entry of the archive cannot be unpacked.");
}

bool unzip_next(void *self, struct till_str *ret_bytes, struct till_error *err) {
    struct unzip *unzip = self;
    zip_int64_t len = unzip->file ? zip_fread(unzip->file, unzip->chunk, CHUNK) : -1;
    if (len < 0)
        return refuse(err, "The archive is damaged: an entry does not unpack to what its "
                           "checksum says.");
    unzip->given += len;
    if (unzip->given > unzip->entries[unzip->current].size ||
        (len == 0 && unzip->given < unzip->entries[unzip->current].size))
        return refuse(err, "The archive is damaged: an entry has another size than it declares.");
    *ret_bytes = (struct till_str){unzip->chunk, (size_t)len};
    return true;
}
