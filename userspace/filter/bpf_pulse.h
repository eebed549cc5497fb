/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_pulse.h
 * @brief Does bpf/gpio.bpf.c, as the kernel runs it, treat edges as weir_pulse_push() does here? For bpf_gpio.c.
 */
#ifndef WEIR_FILTER_BPF_PULSE_H
#define WEIR_FILTER_BPF_PULSE_H

#include "filter/bpf_internal.h"
#include "weir/gpio.h"

struct weir_pulse_trial {
	int program, passing;            /**< descriptors: of `prove`, of the BPF ring buffer */
	struct weir_gpio_state *state;   /**< the program's; as if no edge had come, before and afterwards */
	struct gpio_v2_line_event *edge; /**< what the program takes for the next one */
	const struct weir_pulse_rule *rule;
	bool only_count;
};

/** @brief Before any hook is attached. @return 0; -WEIR_DISPROVED, -errno, with `why`. */
int weir_pulse_prove(const struct weir_pulse_trial *trial, char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;

#endif
