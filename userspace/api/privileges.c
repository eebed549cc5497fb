/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a pipeline gives up of its rights when its filters are loaded, and who keeps the right to load. */
#include "api/privileges.h"

#include "filter/bpf.h"
#include "filter/capabilities.h"

/* What a running pipeline may still need: files of other users as outputs, the group of a published stream, ending programs that run as
 * somebody else, real-time priority and locked memory. */
static const uint64_t needed = WEIR_CAPABILITY(CAP_DAC_OVERRIDE) | WEIR_CAPABILITY(CAP_CHOWN) |
			       WEIR_CAPABILITY(CAP_KILL) | WEIR_CAPABILITY(CAP_SYS_NICE) |
			       WEIR_CAPABILITY(CAP_IPC_LOCK);

void weir_privileges_split(const struct weir_options *options)
{
	const uint64_t loads = WEIR_CAPABILITY(CAP_BPF) | WEIR_CAPABILITY(CAP_SYS_ADMIN);

	if (!options->reload || options->tier == WEIR_FILTER_USER || !(weir_capabilities() & loads))
		return;
	/* Without it, a program that is read again has its filters in user space. */
	(void)!weir_loader_start(weir_loader_serve);
}

/* Kernels before 5.19 with kernel.unprivileged_bpf_disabled run no program for those without CAP_BPF: found by trying. */
void weir_privileges_drop(void)
{
	const uint64_t before = weir_capabilities();
	uint64_t keep = needed;

	if (!(before & ~needed))
		return;
	if (!weir_capabilities_set_effective(before & needed) && !weir_bpf_runs_unprivileged())
		keep |= WEIR_CAPABILITY(CAP_BPF);
	(void)!weir_capabilities_set_effective(before);
	(void)!weir_capabilities_keep(keep);
}
