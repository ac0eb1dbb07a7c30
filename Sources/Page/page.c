// The files of the page, embedded as they are: what the collector serves needs no folder beside it. A test compares the list with
// the folder.
#include "page.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char area_panel_js[] = {
#embed "files/area-panel.js"
};
static const unsigned char arrows_js[] = {
#embed "files/arrows.js"
};
static const unsigned char axis_js[] = {
#embed "files/axis.js"
};
static const unsigned char commands_js[] = {
#embed "files/commands.js"
};
static const unsigned char compare_js[] = {
#embed "files/compare.js"
};
static const unsigned char comparing_js[] = {
#embed "files/comparing.js"
};
static const unsigned char completion_js[] = {
#embed "files/completion.js"
};
static const unsigned char cone_js[] = {
#embed "files/cone.js"
};
static const unsigned char density_js[] = {
#embed "files/density.js"
};
static const unsigned char dom_js[] = {
#embed "files/dom.js"
};
static const unsigned char event_panel_js[] = {
#embed "files/event-panel.js"
};
static const unsigned char events_table_js[] = {
#embed "files/events-table.js"
};
static const unsigned char following_js[] = {
#embed "files/following.js"
};
static const unsigned char gestures_js[] = {
#embed "files/gestures.js"
};
static const unsigned char index_html[] = {
#embed "files/index.html"
};
static const unsigned char lane_list_js[] = {
#embed "files/lane-list.js"
};
static const unsigned char lanes_js[] = {
#embed "files/lanes.js"
};
static const unsigned char login_js[] = {
#embed "files/login.js"
};
static const unsigned char main_js[] = {
#embed "files/main.js"
};
static const unsigned char margins_js[] = {
#embed "files/margins.js"
};
static const unsigned char marks_js[] = {
#embed "files/marks.js"
};
static const unsigned char page_js[] = {
#embed "files/page.js"
};
static const unsigned char palette_js[] = {
#embed "files/palette.js"
};
static const unsigned char picture_js[] = {
#embed "files/picture.js"
};
static const unsigned char query_box_js[] = {
#embed "files/query-box.js"
};
static const unsigned char questions_js[] = {
#embed "files/questions.js"
};
static const unsigned char results_js[] = {
#embed "files/results.js"
};
static const unsigned char save_js[] = {
#embed "files/save.js"
};
static const unsigned char selecting_js[] = {
#embed "files/selecting.js"
};
static const unsigned char signs_js[] = {
#embed "files/signs.js"
};
static const unsigned char state_js[] = {
#embed "files/state.js"
};
static const unsigned char status_js[] = {
#embed "files/status.js"
};
static const unsigned char style_css[] = {
#embed "files/style.css"
};
static const unsigned char svg_js[] = {
#embed "files/svg.js"
};
static const unsigned char texts_js[] = {
#embed "files/texts.js"
};
static const unsigned char view_js[] = {
#embed "files/view.js"
};
static const unsigned char window_js[] = {
#embed "files/window.js"
};
static const unsigned char windows_js[] = {
#embed "files/windows.js"
};

#define FILE(name, bytes) {name, bytes, sizeof(bytes)}

static const struct PageFile pageFiles[] = {
    FILE("area-panel.js", area_panel_js),
    FILE("arrows.js", arrows_js),
    FILE("axis.js", axis_js),
    FILE("commands.js", commands_js),
    FILE("compare.js", compare_js),
    FILE("comparing.js", comparing_js),
    FILE("completion.js", completion_js),
    FILE("cone.js", cone_js),
    FILE("density.js", density_js),
    FILE("dom.js", dom_js),
    FILE("event-panel.js", event_panel_js),
    FILE("events-table.js", events_table_js),
    FILE("following.js", following_js),
    FILE("gestures.js", gestures_js),
    FILE("index.html", index_html),
    FILE("lane-list.js", lane_list_js),
    FILE("lanes.js", lanes_js),
    FILE("login.js", login_js),
    FILE("main.js", main_js),
    FILE("margins.js", margins_js),
    FILE("marks.js", marks_js),
    FILE("page.js", page_js),
    FILE("palette.js", palette_js),
    FILE("picture.js", picture_js),
    FILE("query-box.js", query_box_js),
    FILE("questions.js", questions_js),
    FILE("results.js", results_js),
    FILE("save.js", save_js),
    FILE("selecting.js", selecting_js),
    FILE("signs.js", signs_js),
    FILE("state.js", state_js),
    FILE("status.js", status_js),
    FILE("style.css", style_css),
    FILE("svg.js", svg_js),
    FILE("texts.js", texts_js),
    FILE("view.js", view_js),
    FILE("window.js", window_js),
    FILE("windows.js", windows_js),
};

const size_t pageFileCount = sizeof(pageFiles) / sizeof(pageFiles[0]);

const struct PageFile *pageFile(size_t number) { return &pageFiles[number]; }
