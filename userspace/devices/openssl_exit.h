/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file openssl_exit.h
 * @brief For the modules whose library brings OpenSSL along, one .c file of each.
 *
 * At the end of the process a thread may still be inside the library: an attempt to connect that was left alone, say. OpenSSL must not
 * free its locks and tables at exit(), as it does unless the first call of all says otherwise; any of the modules may make the first.
 */
#ifndef WEIR_DEVICES_OPENSSL_EXIT_H
#define WEIR_DEVICES_OPENSSL_EXIT_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_OPENSSL_NO_ATEXIT UINT64_C(0x00080000) /* OPENSSL_INIT_NO_ATEXIT of <openssl/crypto.h> */

/* Weak: a library may be built without OpenSSL. */
extern int OPENSSL_init_crypto(uint64_t options, const void *settings) __attribute__((weak));

__attribute__((constructor)) static void weir_openssl_keep(void)
{
	if (OPENSSL_init_crypto)
		(void)OPENSSL_init_crypto(WEIR_OPENSSL_NO_ATEXIT, NULL);
}

#endif
