/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/can_list.h"
#include "devices/sysfs.h"

#define NET_DIR "/sys/class/net"
#define LIST_BYTES 512

static bool can_is_interface(const char *name)
{
	char dir[WEIR_SYSFS_PATH];
	double type;

	snprintf(dir, sizeof(dir), "%s/%.64s", NET_DIR, name);
	return !weir_sysfs_number(dir, "type", &type) && type == ARPHRD_CAN;
}

static int can_is_entry(const struct dirent *entry)
{
	return *entry->d_name != '.' && can_is_interface(entry->d_name);
}

static int can_scan(struct dirent ***entry)
{
	int n = scandir(NET_DIR, entry, can_is_entry, versionsort);

	return n < 0 ? 0 : n;
}

static void can_free(struct dirent **entry, int n)
{
	for (int i = 0; i < n; i++)
		free(entry[i]);
	free(entry);
}

int weir_can_find(struct weir_node *node, const char *name)
{
	struct dirent **entry = NULL;
	char list[LIST_BYTES] = "there are:";
	int n;

	if (!*name || strchr(name, '/') || strlen(name) >= IFNAMSIZ)
		return weir_fail_arg(node, NULL, "as in can:can0; weir list devices shows the interfaces",
				     "'%s' is not the name of an interface", name);
	if (can_is_interface(name))
		return 0;
	n = can_scan(&entry);
	for (int i = 0; i < n; i++) {
		size_t length = strlen(list);

		snprintf(list + length, sizeof(list) - length, "%s can:%s", i ? "," : "", entry[i]->d_name);
	}
	can_free(entry, n);
	return weir_fail_device(node, name, "find the CAN interface", ENODEV,
				n ? list : "this machine has no CAN interface; a controller needs its dtoverlay= line");
}

void weir_can_tell_devices(weir_tell_device *tell, void *context)
{
	char program[64];
	struct weir_device_fact fact = { "program", program };
	struct dirent **entry = NULL;
	int n = can_scan(&entry);

	for (int i = 0; i < n; i++) {
		snprintf(program, sizeof(program), "can:%.16s | print", entry[i]->d_name);
		tell(context, entry[i]->d_name, "CAN interface", &fact, 1);
	}
	can_free(entry, n);
}
