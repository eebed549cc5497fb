/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file access.h
 * @brief What an ordinary user needs to use devices, as messages and `weir doctor` say it.
 */
#ifndef WEIR_CORE_ACCESS_H
#define WEIR_CORE_ACCESS_H

/** A udev rule for an IIO device's file and for its attributes in sysfs, which the file's mode does not reach. */
#define WEIR_IIO_RULE                                            \
	"SUBSYSTEM==\"iio\", GROUP=\"plugdev\", MODE=\"0660\", " \
	"RUN+=\"/bin/sh -c 'chgrp -R plugdev /sys%p; chmod -R g=u /sys%p'\""

#define WEIR_IIO_ACCESS                                                                                        \
	"run as root; or write to /etc/udev/rules.d/60-iio.rules: " WEIR_IIO_RULE                              \
	" -- then usermod -aG plugdev $USER, udevadm control --reload, udevadm trigger --subsystem-match=iio " \
	"as root, and log in again"

#endif
