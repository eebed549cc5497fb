/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file leftovers.h @brief What a test that starts programs must not leave behind. */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H

/** @brief Descriptors that this process has open, with the one that counts them. */
unsigned open_descriptors(void);

/** @brief Fail the test unless there is no child, running or dead, and as many descriptors as before it. */
void expect_nothing_left(unsigned descriptors);

#endif
