/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter/capabilities.h"

static int get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data) ? -errno : 0;
}

static int set(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

uint64_t weir_capabilities(void)
{
	struct __user_cap_data_struct data[2];

	return get(data) ? 0 : (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* What is not permitted any more is not ambient either. */
int weir_capabilities_keep(uint64_t mask)
{
	struct __user_cap_data_struct data[2];
	int err = get(data);

	for (int i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(mask >> 32 * i);
		data[i].permitted &= (uint32_t)(mask >> 32 * i);
		data[i].inheritable &= (uint32_t)(mask >> 32 * i);
	}
	return err ? err : set(data);
}

int weir_capabilities_set_effective(uint64_t mask)
{
	struct __user_cap_data_struct data[2];
	int err = get(data);

	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted & (uint32_t)(mask >> 32 * i);
	return err ? err : set(data);
}
