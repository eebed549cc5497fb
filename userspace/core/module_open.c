/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/module_open.h"
#include "core/trust.h"
#include "drivers_dir.h" /* generated: WEIR_DRIVERS_DIR */
#include "weir/module.h"

/* Null operations: what a table refers to until its module is open. */
const struct weir_source_ops weir_unopened_source;
const struct weir_operator_ops weir_unopened_stage;
const struct weir_sink_ops weir_unopened_sink;

/** A driver whose module is open. */
struct opened {
	struct opened *next;
	const struct weir_driver *table;
	struct weir_driver driver;
};

static struct opened *opened;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------- files */

/* Of a build that is not installed: `drivers` beside the program, or beside the library that it has loaded. */
static bool module_is_beside(const char *program, const char *name, char path[PATH_MAX])
{
	const char *end = strrchr(program, '/');

	return *program == '/' &&
	       snprintf(path, PATH_MAX, "%.*s/drivers/%s.so", (int)(end - program), program, name) < PATH_MAX &&
	       !access(path, R_OK);
}

static bool module_is_of_this_build(const char *name, char path[PATH_MAX])
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	Dl_info self;

	program[n > 0 ? n : 0] = '\0';
	return module_is_beside(program, name, path) ||
	       (dladdr(&weir_unopened_source, &self) && module_is_beside(self.dli_fname, name, path));
}

static const char *module_name(const struct weir_driver *driver)
{
	return driver->library->module ? driver->library->module : driver->name;
}

static void module_path(const struct weir_driver *driver, char path[PATH_MAX])
{
	const char *directory = weir_is_secure() ? NULL : getenv("WEIR_DRIVERS");

	if (directory && *directory)
		snprintf(path, PATH_MAX, "%s/%s.so", directory, module_name(driver));
	else if (weir_is_secure() || !module_is_of_this_build(module_name(driver), path))
		snprintf(path, PATH_MAX, "%s/%s.so", WEIR_DRIVERS_DIR, module_name(driver));
}

/* A module that was never built, or was not installed. */
static int module_tell_missing(const struct weir_driver *driver, const char *path, char *why, char *hint)
{
	int err = -errno, n = 0;

	snprintf(why, WEIR_MODULE_WHY, "'%s' needs a module that is missing: %.700s: %s", driver->name, path,
		 strerror(errno));
	if (driver->library->weir_package)
		n = snprintf(hint, WEIR_MODULE_WHY, "install the package %s; or, from source, ",
			     driver->library->weir_package);
	snprintf(hint + n, WEIR_MODULE_WHY - (size_t)n, "install %s and build weir again",
		 driver->library->build_package);
	return err;
}

/* The linker's message begins with the file that it could not open: the library, or the module itself. */
static int module_tell_broken(const struct weir_driver *driver, const char *path, char *why, char *hint)
{
	const char *message = dlerror();

	snprintf(why, WEIR_MODULE_WHY, "the module of '%s', %.400s, cannot be opened: %.400s", driver->name, path,
		 message ? message : "unknown error");
	snprintf(hint, WEIR_MODULE_WHY, "install the Debian package %s", driver->library->package);
	return -ELIBBAD;
}

static int module_tell_other(const struct weir_driver *driver, const char *path, char *why, char *hint)
{
	snprintf(why, WEIR_MODULE_WHY, "the module of '%s', %.700s, belongs to another build of weir", driver->name,
		 path);
	snprintf(hint, WEIR_MODULE_WHY, "install weir and its modules from the same build");
	return -ELIBBAD;
}

static int module_check_trust(const struct weir_driver *driver, const char *path, char *why, char *hint)
{
	char place[WEIR_TRUST_WHY];
	int err = weir_is_secure() ? weir_trust_file(path, place) : 0;

	if (err < 0) {
		snprintf(why, WEIR_MODULE_WHY, "the module of '%s' is not opened with the rights of this program: %s",
			 driver->name, place);
		snprintf(hint, WEIR_MODULE_WHY, "install weir and its modules as root");
	}
	return err;
}

/* --------------------------------------------------------------------- open */

/* A program may have opened libweir.so with RTLD_LOCAL, as Python does: a module would not find the functions of weir. */
static void module_show_weir(void)
{
	void *program = dlopen(NULL, RTLD_NOW); /* and all that has been opened for everybody */
	Dl_info self;

	if (program && !dlsym(program, "weir_state") && dladdr(&weir_unopened_source, &self))
		(void)!dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

static const struct weir_module *module_builtin(const struct weir_driver *driver)
{
	for (const struct weir_builtin *builtin = weir_builtins; builtin->name; builtin++)
		if (!strcmp(builtin->name, module_name(driver)))
			return builtin->module;
	return NULL;
}

static int module_load(const struct weir_module **out, const struct weir_driver *driver, char *why, char *hint)
{
	char path[PATH_MAX], symbol[64];
	void *library;
	int err;

	module_path(driver, path);
	if (access(path, R_OK))
		return module_tell_missing(driver, path, why, hint);
	err = module_check_trust(driver, path, why, hint);
	if (err < 0)
		return err;
	module_show_weir();
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return module_tell_broken(driver, path, why, hint);
	snprintf(symbol, sizeof(symbol), "weir_module_%s", module_name(driver));
	*out = dlsym(library, symbol);
	if (*out && !strcmp((*out)->abi, WEIR_ABI))
		return 0;
	dlclose(library);
	return module_tell_other(driver, path, why, hint);
}

static int module_join(const struct weir_driver **out, const struct weir_driver *driver,
		       const struct weir_module *module)
{
	struct opened *one = malloc(sizeof(*one));

	if (!one)
		return -ENOMEM;
	*one = (struct opened){ .next = opened, .table = driver, .driver = *driver };
	one->driver.source = module->source;
	one->driver.stage = module->stage;
	one->driver.sink = module->sink;
	opened = one;
	*out = &one->driver;
	return 0;
}

static int module_open(const struct weir_driver **out, const struct weir_driver *driver, char *why, char *hint)
{
	const struct weir_module *module = module_builtin(driver);
	int err = 0;

	for (const struct opened *one = opened; one; one = one->next)
		if (one->table == driver) {
			*out = &one->driver;
			return 0;
		}
	if (!module)
		err = module_load(&module, driver, why, hint);
	return err < 0 ? err : module_join(out, driver, module);
}

int weir_module_open(const struct weir_driver **out, const struct weir_driver *driver, char why[WEIR_MODULE_WHY],
		     char hint[WEIR_MODULE_WHY])
{
	int err;

	*why = *hint = 0;
	*out = driver;
	if (!driver->library)
		return 0;
	pthread_mutex_lock(&lock);
	err = module_open(out, driver, why, hint);
	pthread_mutex_unlock(&lock);
	return err;
}

bool weir_module_is_missing(const struct weir_driver *driver, char why[WEIR_MODULE_WHY], char hint[WEIR_MODULE_WHY])
{
	char path[PATH_MAX];

	if (!driver->library || module_builtin(driver))
		return false;
	module_path(driver, path);
	return access(path, R_OK) && module_tell_missing(driver, path, why, hint);
}
