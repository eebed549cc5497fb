/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/edges.h"

int weir_edges_find(struct weir_node *node, const char *const *words, const char *hint, const char *question)
{
	int shape = -1;

	for (int i = 0; words[i]; i++) {
		if (!weir_arg_given(node, words[i]))
			continue;
		if (shape >= 0)
			return weir_fail_arg(node, words[i], NULL, "it is either '%s' or '%s'", words[shape], words[i]);
		shape = i;
	}
	return shape >= 0 ? shape : weir_fail_arg(node, NULL, hint, "%s", question);
}

static int read_edge(struct weir_node *node, const char *name, double *hz)
{
	double half = weir_arg_real(node, "rate") / 2;

	*hz = weir_arg_real(node, name);
	if (*hz > 0 && *hz < half)
		return 0;
	return weir_fail_arg(node, name, NULL, "it must be between 0 and half the rate, %g Hz", half);
}

int weir_edges_read(struct weir_node *node, enum weir_shape shape, struct weir_edges *out)
{
	static const char *const words[] = { "low", "high", "band", "stop" };
	bool is_band = shape == WEIR_BAND || shape == WEIR_STOP;
	int err;

	*out = (struct weir_edges){ 0 };
	if (is_band != weir_arg_given(node, "to"))
		return weir_fail_arg(node, is_band ? words[shape] : "to", "as in band 5Hz to 20Hz",
				     is_band ? "a band has two edges" : "only a band has a second edge");
	err = read_edge(node, words[shape], &out->low);
	if (!err && is_band)
		err = read_edge(node, "to", &out->high);
	if (!err && is_band && out->low >= out->high)
		err = weir_fail_arg(node, "to", NULL, "the second edge must be above the first");
	return err;
}
