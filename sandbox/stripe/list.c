/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists (dossier 7): newest first, by the object's own order of making. */
#include <sandbox/stripe/call.h>

struct page {
    enum stripe_kind kind;
    const char *about; /* NULL: whomever it belongs to */
    bool (*fits)(const struct stripe_call *call, const struct till_json *json);
    size_t limit;
};

static bool check_limit(struct stripe_call *call, struct page *page) {
    int64_t limit = stripe_param_int(call, "limit", STRIPE_LIMIT_DEFAULT);
    page->limit = (size_t)limit;
    return (limit >= 1 && limit <= STRIPE_LIMIT_MAX) ||
           STRIPE_INVALID(call, "parameter_invalid_integer", "limit",
                          "This value must be between 1 and %d (inclusive).", STRIPE_LIMIT_MAX);
}

/* created=N, created[gte]=N and the others. */
static bool is_in_time(const struct stripe_call *call, const struct stripe_object *object) {
    int64_t created = object->created_us / PLATFORM_SECOND_US;
    return stripe_param_int(call, "created", created) == created &&
           created > stripe_param_int(call, "created[gt]", INT64_MIN) &&
           created >= stripe_param_int(call, "created[gte]", INT64_MIN) &&
           created < stripe_param_int(call, "created[lt]", INT64_MAX) &&
           created <= stripe_param_int(call, "created[lte]", INT64_MAX);
}

/* Its tree when it belongs on the page. */
static struct till_json *take(const struct stripe_call *call, const struct page *page,
                              const struct stripe_object *object) {
    if (object->is_deleted || !is_in_time(call, object) ||
        (page->about && strcmp(page->about, object->about) != 0))
        return NULL;
    struct till_json *json = stripe_show(call, object);
    if (!page->fits || page->fits(call, json))
        return json;
    till_json_release(json);
    return NULL;
}

/* Also one that was deleted: paging goes on from where it stood. */
static struct stripe_object *cursor(struct stripe_call *call, const struct page *page,
                                    const char *param, bool *ret_refused) {
    struct till_str id = stripe_param(call, param);
    struct stripe_object *object = call->account->newest[page->kind];
    while (object && id.len && !till_str_is(id, object->id))
        object = object->older;
    *ret_refused = id.len && !object;
    if (*ret_refused)
        (void)stripe_missing(call, param, id, stripe_kind_name(page->kind));
    return id.len ? object : NULL;
}

static void answer_page(struct stripe_call *call, struct till_json *data, bool has_more) {
    struct till_json *list = till_json_object();
    till_json_set_text(list, "object", "list");
    till_json_set(list, "data", data);
    till_json_set_bool(list, "has_more", has_more);
    till_json_set_str(list, "url", call->request->path);
    (void)stripe_answer_json(call, list);
}

static void page_down(struct stripe_call *call, const struct page *page,
                      const struct stripe_object *from) {
    struct till_json *data = till_json_array();
    bool has_more = false;
    for (; from && !has_more; from = from->older) {
        struct till_json *json = take(call, page, from);
        has_more = json && till_json_size(data) == page->limit;
        if (has_more)
            till_json_release(json);
        else if (json)
            till_json_append(data, json);
    }
    answer_page(call, data, has_more);
}

/* Those next to the cursor on its newer side, but newest first all the same. */
static void page_up(struct stripe_call *call, const struct page *page,
                    const struct stripe_object *cursor) {
    struct till_json *near[STRIPE_LIMIT_MAX], *data = till_json_array();
    size_t count = 0;
    bool has_more = false;
    for (const struct stripe_object *at = cursor->newer; at && !has_more; at = at->newer) {
        struct till_json *json = take(call, page, at);
        has_more = json && count == page->limit;
        if (has_more)
            till_json_release(json);
        else if (json)
            near[count++] = json;
    }
    while (count > 0)
        till_json_append(data, near[--count]);
    answer_page(call, data, has_more);
}

bool stripe_answer_list(struct stripe_call *call, enum stripe_kind kind, const char *about,
                        bool (*fits)(const struct stripe_call *call,
                                     const struct till_json *json)) {
    struct page page = {.kind = kind, .about = about, .fits = fits};
    bool refused;
    if (!check_limit(call, &page))
        return false;
    if (stripe_has(call, "starting_after") && stripe_has(call, "ending_before"))
        return STRIPE_INVALID(call, NULL, NULL,
                              "You cannot parameterize both starting_after and ending_before.");
    const struct stripe_object *after = cursor(call, &page, "starting_after", &refused);
    if (refused)
        return false;
    const struct stripe_object *before = cursor(call, &page, "ending_before", &refused);
    if (refused)
        return false;
    if (before)
        page_up(call, &page, before);
    else
        page_down(call, &page, after ? after->older : call->account->newest[kind]);
    return call->status == 0;
}
