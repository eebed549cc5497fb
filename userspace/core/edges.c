/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/edges.h"

int weir_edges_find(struct weir_node *node, const struct weir_choice *choices, const char *hint, const char *question)
{
	int found = -1;

	for (int i = 0; choices[i].word; i++) {
		if (!weir_given(node, choices[i].member))
			continue;
		if (found >= 0)
			return weir_fail_arg(node, choices[i].word, NULL, "it is either '%s' or '%s'",
					     choices[found].word, choices[i].word);
		found = i;
	}
	return found >= 0 ? found : weir_fail_arg(node, NULL, hint, "%s", question);
}

static int edges_check(struct weir_node *node, const char *name, double hz, double rate)
{
	if (hz > 0 && hz < rate / 2)
		return 0;
	return weir_fail_arg(node, name, NULL, "it must be between 0 and half the rate, %g Hz", rate / 2);
}

int weir_edges_read(struct weir_node *node, enum weir_shape shape, const struct weir_edges_args *args, double rate,
		    struct weir_edges *out)
{
	static const char *const words[] = { "low", "high", "band", "stop" };
	bool is_band = shape == WEIR_BAND || shape == WEIR_STOP;
	int err;

	*out = (struct weir_edges){ .low = args->edge[shape], .high = is_band ? args->to : 0 };
	if (is_band != weir_given(node, &args->to))
		return weir_fail_arg(node, is_band ? words[shape] : "to", "as in band 5Hz to 20Hz",
				     is_band ? "a band has two edges" : "only a band has a second edge");
	err = edges_check(node, words[shape], out->low, rate);
	if (!err && is_band)
		err = edges_check(node, "to", out->high, rate);
	if (!err && is_band && out->low >= out->high)
		err = weir_fail_arg(node, "to", NULL, "the second edge must be above the first");
	return err;
}
