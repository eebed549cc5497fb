// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The interrupt simulator that gpio-sim and iio_dummy need is a part of the
 * kernel image, never a module: it lacks what a module must say of itself, and
 * calls irq_to_desc(), which modules may not. The same descriptor is reached
 * from the interrupt's data.
 */

#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/module.h>

#define irq_to_desc(irq) irq_data_to_desc(irq_get_irq_data(irq))

#include "linux/kernel/irq/irq_sim.c"

MODULE_DESCRIPTION("Interrupt simulator, as a module for the weir rig");
MODULE_LICENSE("GPL");
