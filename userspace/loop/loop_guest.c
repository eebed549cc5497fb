/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the loop does besides, on its own thread. */
#include "loop/loop_internal.h"

void weir_loop_set_guest(struct weir_loop *loop, int64_t (*serve)(void *context), void *context)
{
	loop->guest = serve;
	loop->guest_context = context;
}

void weir_loop_serve_guest(struct weir_loop *loop)
{
	if (loop->guest)
		loop->guest_due_ns = loop->guest(loop->guest_context);
}
