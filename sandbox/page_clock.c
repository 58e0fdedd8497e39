/* SPDX-License-Identifier: Apache-2.0 */
/* /console/clock: making days pass. */
#include <sandbox/control.h>
#include <sandbox/page.h>

void page_clock(struct web *web) {
    static const struct {
        const char *seconds, *english, *chinese;
    } steps[] = {{"60", "1 minute", "1 分钟"},
                 {"240", "4 minutes", "4 分钟"},
                 {"600", "10 minutes", "10 分钟"},
                 {"3600", "1 hour", "1 小时"},
                 {"86400", "1 day", "1 天"}};
    struct page page;
    page_open(&page, web, PAGE_CLOCK, "Clock", "时钟");
    page_markup(&page, "<section class=\"card\"><p class=\"clock\">");
    page_time(&page, web->now_us);
    page_markup(&page, "</p><p class=\"soft\">");
    page_words(
        &page,
        "The platform's time, Beijing. It can only go forward; whatever becomes due, happens.",
        "平台时间（北京时间）。只能向前拨，到期的事情会立即发生。");
    page_markup(&page, "</p>");
    page_form(&page, "/console/clock", TILL_STR_NONE);
    page_markup(&page, "<div class=\"row\">");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        page_button(&page, "advance_seconds", steps[i].seconds, "plain", steps[i].english,
                    steps[i].chinese);
    page_markup(&page, "</div></form></section>");
    platform_lock(web->sandbox);
    page_notice_table(&page, NULL, 100);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}

void page_clock_advance(struct web *web) {
    struct till_error err;
    if (control_advance(web, &err))
        page_go(web, "/console/clock", TILL_STR_NONE);
    else
        page_message(web, till_code_status(err.code), PAGE_CLOCK, till_str_of(err.text));
}
