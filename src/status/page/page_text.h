/* page_text.h - the files of this folder: embed-text.awk makes a C file of each. */
#ifndef FLOWTAPE_STATUS_PAGE_PAGE_TEXT_H
#define FLOWTAPE_STATUS_PAGE_PAGE_TEXT_H

extern const char page_layout[];
extern const char page_style[];
extern const char page_script[];

#endif
