/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "message/mqtt_packet.h"

bool weir_mqtt_is_topic(const char *text)
{
	return *text && strlen(text) <= UINT16_MAX && !strpbrk(text, "+#");
}

/* + is a whole part, # the last one. */
bool weir_mqtt_is_filter(const char *text)
{
	if (!*text || strlen(text) > UINT16_MAX)
		return false;
	for (const char *at = text; *at; at++) {
		bool is_alone = (at == text || at[-1] == '/') && (!at[1] || at[1] == '/');

		if ((*at == '+' && !is_alone) || (*at == '#' && (!is_alone || at[1])))
			return false;
	}
	return true;
}

struct reason {
	uint8_t code;
	const char *text;
};

static const struct reason reasons[] = {
	{ 0x80, "unspecified error" },
	{ 0x81, "malformed packet" },
	{ 0x82, "protocol error" },
	{ 0x83, "an error of this broker's own" },
	{ 0x84, "the broker does not know this version of MQTT" },
	{ 0x85, "the client id is not accepted" },
	{ 0x86, "wrong user or password" },
	{ 0x87, "not authorized" },
	{ 0x88, "the broker is not available" },
	{ 0x89, "the broker is busy" },
	{ 0x8a, "banned" },
	{ 0x8b, "the broker is shutting down" },
	{ 0x8c, "the broker wants another way to authenticate" },
	{ 0x8d, "keepalive timeout" },
	{ 0x8e, "another client has the same id and took over the session" },
	{ 0x8f, "the topic filter is not accepted" },
	{ 0x90, "the topic is not accepted" },
	{ 0x91, "the packet id is in use" },
	{ 0x93, "too many messages under way" },
	{ 0x95, "a packet is too large" },
	{ 0x96, "the rate of messages is too high" },
	{ 0x97, "quota exceeded" },
	{ 0x98, "an administrator closed the connection" },
	{ 0x99, "the payload has another format than it says" },
	{ 0x9a, "the broker does not retain messages" },
	{ 0x9b, "the broker does not know this qos" },
	{ 0x9c, "use another server" },
	{ 0x9d, "the server has moved" },
	{ 0x9e, "shared subscriptions are not known to the broker" },
	{ 0x9f, "connections come too fast" },
	{ 0xa0, "the connection has lasted for as long as it may" },
	{ 0xa1, "subscription ids are not known to the broker" },
	{ 0xa2, "wildcards are not known to the broker" },
};

static const struct reason old_reasons[] = {
	{ 1, "the broker does not know this version of MQTT" },
	{ 2, "the client id is not accepted" },
	{ 3, "the broker is not available" },
	{ 4, "wrong user or password" },
	{ 5, "not authorized" },
};

static const char *find(const struct reason *table, size_t n, uint8_t code)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].text;
	return "an unknown reason";
}

const char *weir_mqtt_reason(uint8_t code, bool is_v5)
{
	if (is_v5 && code >= WEIR_MQTT_REFUSED)
		return find(reasons, sizeof(reasons) / sizeof(*reasons), code);
	return find(old_reasons, sizeof(old_reasons) / sizeof(*old_reasons), code);
}
