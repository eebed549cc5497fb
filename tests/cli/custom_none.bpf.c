/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: an object without a filter. */
int number(int x);
int number(int x)
{
	return x + 1;
}
