/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file curl_settings.h
 * @brief What libcurl is told before a request: where to, with which certificates, headers and secrets. One thread.
 */
#ifndef WEIR_DEVICES_CURL_SETTINGS_H
#define WEIR_DEVICES_CURL_SETTINGS_H

#include <curl/curl.h>

#include "devices/curl_client.h"

/**
 * @brief From open(): url, headers and token by the arguments and the files that they name.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_curl_settings_close() in any case.
 */
int weir_curl_settings_open(struct weir_curl *curl) WEIR_MUST_CHECK;
void weir_curl_settings_close(struct weir_curl *curl);

/** @brief The secrets' files may have changed: read them again. One that cannot be read leaves the secret as it is. */
void weir_curl_settings_renew(struct weir_curl *curl);

/** @brief What is alike in all handles: server, TLS, times. @return 0, or libcurl's error. */
CURLcode weir_curl_settings_apply(struct weir_curl *curl, CURL *handle);

/** @brief Put `*` in place of each secret of this sink in a text, such as an answer that repeats it. */
void weir_curl_settings_mask(const struct weir_curl *curl, char *text);

#endif
