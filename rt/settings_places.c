/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/settings_file.h>

#include <stdlib.h>
#include <yaml.h>

enum { DEPTH_MAX = 6, PATH_MAX_BYTES = 200 };

struct walk {
    const struct settings_source *source;
    struct settings_place *places;
    struct till_error *err;
    yaml_parser_t parser;
    char path[PATH_MAX_BYTES];
    size_t ends[DEPTH_MAX + 1]; /* length of the path at each depth */
    int depth;                  /* open mappings */
    bool awaits_value;
    char *seen_groups[64]; /* of malloc */
    size_t seen_count;
};

static bool fail(struct walk *walk, const yaml_mark_t *mark, const char *what, const char *rule) {
    const struct settings_source *source = walk->source;
    struct till_str name = source->name;
    size_t cut = name.len > 60 ? name.len - 60 : 0;
    return TILL_FAIL_FIELD(walk->err, SETTING_INVALID, what[0] ? what : "file",
                           "%.*s, line %zu, column %zu: %s%s%s", (int)(name.len - cut),
                           name.ptr + cut, mark->line + 1, mark->column + 1, what,
                           what[0] ? " " : "", rule);
}

/* The row of that name; or whether it is the beginning of one. */
static bool find_row(const struct settings_source *source, const char *path, size_t *ret_row,
                     bool *ret_is_group) {
    size_t len = strlen(path);
    *ret_is_group = false;
    for (size_t i = 0; i < source->count; i++) {
        const char *name = source->table[i].name;
        if (strcmp(name, path) == 0) {
            *ret_row = i;
            return true;
        }
        if (strncmp(name, path, len) == 0 && name[len] == '.') {
            *ret_is_group = true;
            return true;
        }
    }
    return false;
}

static bool note_group(struct walk *walk, const yaml_mark_t *mark) {
    size_t room = sizeof walk->seen_groups / sizeof walk->seen_groups[0];
    for (size_t i = 0; i < walk->seen_count; i++)
        if (strcmp(walk->seen_groups[i], walk->path) == 0)
            return fail(walk, mark, walk->path, "stands there a second time.");
    char *copy = walk->seen_count < room ? strdup(walk->path) : NULL;
    if (!copy)
        return fail(walk, mark, walk->path, "is one group too many.");
    walk->seen_groups[walk->seen_count++] = copy;
    return true;
}

static bool take_key(struct walk *walk, const yaml_event_t *event) {
    size_t base = walk->ends[walk->depth], len = event->data.scalar.length;
    const char *key = (const char *)event->data.scalar.value;
    bool dotted = base > 0;
    if (base + dotted + len + 1 > sizeof walk->path || memchr(key, 0, len))
        return fail(walk, &event->start_mark, "", "this key is too long to be a setting.");
    if (dotted)
        walk->path[base] = '.';
    memcpy(walk->path + base + dotted, key, len);
    walk->path[base + dotted + len] = 0;
    size_t row;
    bool is_group;
    /* A key with a dot inside would pass for nesting. */
    if (memchr(key, '.', len) || !find_row(walk->source, walk->path, &row, &is_group))
        return fail(walk, &event->start_mark, walk->path, "is not a setting.");
    walk->awaits_value = true;
    return true;
}

static bool take_value(struct walk *walk, const yaml_event_t *event) {
    size_t row = 0;
    bool is_group = false;
    walk->awaits_value = false;
    if (!find_row(walk->source, walk->path, &row, &is_group))
        return fail(walk, &event->start_mark, walk->path, "is not a setting.");
    if (is_group) {
        if (event->data.scalar.length > 0)
            return fail(walk, &event->start_mark, walk->path,
                        "is a group: put its settings below it, indented.");
        return note_group(walk, &event->start_mark);
    }
    if (walk->places[row].line != 0)
        return fail(walk, &event->start_mark, walk->path, "stands there a second time.");
    walk->places[row] =
        (struct settings_place){event->start_mark.line + 1, event->start_mark.column + 1};
    return true;
}

static bool open_mapping(struct walk *walk, const yaml_event_t *event) {
    size_t row;
    bool is_group = true;
    if (walk->depth > 0) {
        if (!walk->awaits_value)
            return fail(walk, &event->start_mark, "", "a key must be a plain word.");
        if (!find_row(walk->source, walk->path, &row, &is_group) || !is_group)
            return fail(walk, &event->start_mark, walk->path, "takes one value, not a group.");
        if (!note_group(walk, &event->start_mark))
            return false;
    }
    if (walk->depth == DEPTH_MAX)
        return fail(walk, &event->start_mark, "", "this is nested too deeply.");
    walk->depth++;
    walk->ends[walk->depth] = walk->depth == 1 ? 0 : strlen(walk->path);
    walk->awaits_value = false;
    return true;
}

static bool take_scalar(struct walk *walk, const yaml_event_t *event) {
    if (event->data.scalar.anchor || event->data.scalar.tag)
        return fail(walk, &event->start_mark, "", "anchors and tags are not used here.");
    if (walk->depth == 0)
        return event->data.scalar.length == 0 ||
               fail(walk, &event->start_mark, "", "the file must be \"name: value\" lines.");
    return walk->awaits_value ? take_value(walk, event) : take_key(walk, event);
}

static bool take_event(struct walk *walk, const yaml_event_t *event, int *documents) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents == 1 ||
               fail(walk, &event->start_mark, "", "a second document begins; keep one.");
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor || event->data.mapping_start.tag)
            return fail(walk, &event->start_mark, "", "anchors and tags are not used here.");
        return open_mapping(walk, event);
    case YAML_MAPPING_END_EVENT:
        walk->depth--;
        return true;
    case YAML_SCALAR_EVENT:
        return take_scalar(walk, event);
    case YAML_SEQUENCE_START_EVENT:
        return fail(walk, &event->start_mark, walk->awaits_value ? walk->path : "",
                    "no setting takes a list here; write one text.");
    case YAML_ALIAS_EVENT:
        return fail(walk, &event->start_mark, "", "anchors and tags are not used here.");
    default:
        return true;
    }
}

static bool walk_events(struct walk *walk) {
    int documents = 0;
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&walk->parser, &event))
            return fail(walk, &walk->parser.problem_mark, "",
                        walk->parser.problem ? walk->parser.problem : "this is not YAML.");
        bool ok = take_event(walk, &event, &documents);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (!ok)
            return false;
    }
    return true;
}

bool settings_places(const struct settings_source *source, struct settings_place *places,
                     struct till_error *err) {
    struct walk walk = {.source = source, .places = places, .err = err};
    memset(places, 0, source->count * sizeof *places);
    if (!yaml_parser_initialize(&walk.parser))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    yaml_parser_set_encoding(&walk.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&walk.parser, (const unsigned char *)source->bytes.ptr,
                                 source->bytes.len);
    bool ok = walk_events(&walk);
    yaml_parser_delete(&walk.parser);
    for (size_t i = 0; i < walk.seen_count; i++)
        free(walk.seen_groups[i]);
    return ok;
}
