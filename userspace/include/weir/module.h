/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file module.h
 * @brief For a driver with a library: the operations, in a file that is opened when a program names the driver.
 *
 * drivers/NAME.so exports one symbol, `const struct weir_module weir_module_NAME`. The parameter table is in weir itself, so
 * arguments are checked and listed without the library. Functions of weir that a module calls are those of the program that
 * opened it: both must come from the same headers, which WEIR_ABI identifies.
 */
#ifndef WEIR_MODULE_H
#define WEIR_MODULE_H

#include "abi.h" /* generated: WEIR_ABI, a hash of the headers that modules include */
#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The operations of a driver. The roles are those of its table; NULL for the others. */
struct weir_module {
	const char *abi; /**< WEIR_ABI */
	const struct weir_source_ops *source;
	const struct weir_operator_ops *stage;
	const struct weir_sink_ops *sink;
};

#ifdef __cplusplus
}
#endif
#endif
