/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/gpio_line.h"

#define LIST_MAX 400 /* bytes of a list in a message */

/* Every line of every chip that may be opened. */
struct lines {
	struct weir_gpio_line *line;
	size_t n;
	int denied; /* errno of a chip that may not be opened; 0: none */
};

const char *const weir_gpio_bias_words[] = { "as-is", "pull-up", "pull-down", "disabled", NULL };

enum gpiod_line_bias weir_gpio_bias(int word)
{
	static const enum gpiod_line_bias bias[] = { GPIOD_LINE_BIAS_AS_IS, GPIOD_LINE_BIAS_PULL_UP,
						     GPIOD_LINE_BIAS_PULL_DOWN, GPIOD_LINE_BIAS_DISABLED };

	return bias[word];
}

/* --- what there is ------------------------------------------------------------ */

static void describe(struct weir_gpio_line *line, struct gpiod_chip *chip, struct gpiod_chip_info *info,
		     uint32_t offset)
{
	struct gpiod_line_info *line_info = gpiod_chip_get_line_info(chip, offset);
	const char *name = line_info ? gpiod_line_info_get_name(line_info) : NULL;

	snprintf(line->chip, sizeof(line->chip), "%s", gpiod_chip_info_get_name(info));
	snprintf(line->label, sizeof(line->label), "%s", gpiod_chip_info_get_label(info));
	snprintf(line->name, sizeof(line->name), "%s", name ? name : "");
	line->offset = offset;
	gpiod_line_info_free(line_info);
}

static int add_chip(struct lines *lines, struct gpiod_chip *chip)
{
	struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
	struct weir_gpio_line *line;
	size_t n;

	if (!info)
		return -errno;
	n = gpiod_chip_info_get_num_lines(info);
	line = reallocarray(lines->line, lines->n + n + 1, sizeof(*line));
	if (line) {
		lines->line = line;
		for (size_t i = 0; i < n; i++)
			describe(&line[lines->n++], chip, info, (uint32_t)i);
	}
	gpiod_chip_info_free(info);
	return line ? 0 : -ENOMEM;
}

static int is_chip(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "gpiochip", 8);
}

static void scan_chip(struct lines *lines, const char *name)
{
	char path[300];
	struct gpiod_chip *chip;

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (!gpiod_is_gpiochip_device(path))
		return;
	chip = gpiod_chip_open(path);
	if (!chip) {
		lines->denied = errno;
		return;
	}
	add_chip(lines, chip);
	gpiod_chip_close(chip);
}

static void scan_chips(struct lines *lines)
{
	struct dirent **entry;
	int n = scandir("/dev", &entry, is_chip, versionsort);

	for (int i = 0; i < n; i++) {
		scan_chip(lines, entry[i]->d_name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

void weir_gpio_tell_devices(weir_tell_device *tell, void *context)
{
	struct lines lines = { 0 };

	scan_chips(&lines);
	for (size_t i = 0; i < lines.n; i++) {
		const struct weir_gpio_line *line = &lines.line[i];
		char place[sizeof(line->chip) + 12], what[sizeof(place) + sizeof(line->label) + 4];

		snprintf(place, sizeof(place), "%s/%u", line->chip, line->offset);
		snprintf(what, sizeof(what), "%s of %s", place, line->label);
		tell(context, *line->name ? line->name : place, what, NULL, 0);
	}
	free(lines.line);
}

/* --- which one is meant ------------------------------------------------------- */

static int fail_unknown(struct weir_node *node, const struct lines *lines, const char *word)
{
	char advice[LIST_MAX] = "there are no GPIO chips on this machine";

	if (lines->n)
		weir_gpio_advise(lines->line, lines->n, word, advice, sizeof(advice));
	else if (lines->denied)
		return weir_fail_device(node, word, "open the GPIO chips", lines->denied,
					"run as root, or have a udev rule give your group /dev/gpiochip*");
	return weir_fail_device(node, word, "find the line", ENOENT, advice);
}

static int fail_ambiguous(struct weir_node *node, const struct lines *lines, const char *word)
{
	char hint[LIST_MAX];

	weir_gpio_list_fitting(lines->line, lines->n, word, hint, sizeof(hint));
	return weir_fail_arg(node, NULL, hint, "several GPIO lines are called '%s'", word);
}

static void chip_path(const struct weir_gpio *gpio, char path[WEIR_GPIO_NAME + 8])
{
	snprintf(path, WEIR_GPIO_NAME + 8, "/dev/%s", gpio->line.chip);
}

static int identify(struct weir_gpio *out, struct weir_node *node)
{
	char path[WEIR_GPIO_NAME + 8];
	struct stat status;

	if (*out->line.name)
		strcpy(out->title, out->line.name);
	else
		snprintf(out->title, sizeof(out->title), "%s/%u", out->line.chip, out->line.offset);
	chip_path(out, path);
	if (stat(path, &status))
		return weir_fail_device(node, out->title, "find the chip of", errno, NULL);
	out->inode = status.st_ino;
	return 0;
}

int weir_gpio_open(struct weir_gpio *out, struct weir_node *node)
{
	return weir_gpio_open_word(out, node, weir_target(node));
}

int weir_gpio_open_word(struct weir_gpio *out, struct weir_node *node, const char *word)
{
	struct lines lines = { 0 };
	int found;

	if (!*word)
		return weir_fail_arg(node, NULL, "write gpio:NAME or gpio:CHIP/OFFSET", "which GPIO line?");
	scan_chips(&lines);
	found = weir_gpio_find(lines.line, lines.n, word);
	if (found >= 0)
		out->line = lines.line[found];
	else if (found == -ENOTUNIQ)
		found = fail_ambiguous(node, &lines, word);
	else
		found = fail_unknown(node, &lines, word);
	free(lines.line);
	return found < 0 ? found : identify(out, node);
}

/* --- taking it ---------------------------------------------------------------- */

static int fail_request(const struct weir_gpio *gpio, struct weir_node *node, struct gpiod_chip *chip, int error)
{
	struct gpiod_line_info *info = error == EBUSY ? gpiod_chip_get_line_info(chip, gpio->line.offset) : NULL;
	const char *consumer = info ? gpiod_line_info_get_consumer(info) : NULL;
	char advice[LIST_MAX] = "";
	int err;

	if (error == EBUSY)
		snprintf(advice, sizeof(advice), "'%s' is using it",
			 consumer ? consumer : "the kernel or another program");
	else if (error == EINVAL || error == ENOTSUP || error == ENXIO)
		strcpy(advice, "its chip cannot do that: look at edges=, bias= and drive=");
	err = weir_fail_device(node, gpio->title, "take the line", error, *advice ? advice : NULL);
	gpiod_line_info_free(info);
	return err;
}

static struct gpiod_line_request *request_lines(struct gpiod_chip *chip, struct gpiod_line_settings *settings,
						size_t events, const unsigned int *offset, size_t n)
{
	struct gpiod_request_config *request = gpiod_request_config_new();
	struct gpiod_line_config *lines = gpiod_line_config_new();
	struct gpiod_line_request *taken = NULL;
	int error = ENOMEM;

	if (request && lines && settings && !gpiod_line_config_add_line_settings(lines, offset, n, settings)) {
		gpiod_request_config_set_consumer(request, "weir");
		gpiod_request_config_set_event_buffer_size(request, events);
		taken = gpiod_chip_request_lines(chip, request, lines);
		error = errno;
	}
	gpiod_line_config_free(lines);
	gpiod_request_config_free(request);
	errno = error;
	return taken;
}

int weir_gpio_request(struct weir_gpio *gpio, struct weir_node *node, struct gpiod_line_settings *settings,
		      size_t events)
{
	return weir_gpio_request_lines(gpio, node, settings, events, &gpio->line.offset, 1);
}

int weir_gpio_request_lines(struct weir_gpio *gpio, struct weir_node *node, struct gpiod_line_settings *settings,
			    size_t events, const unsigned int *offset, size_t n)
{
	char path[WEIR_GPIO_NAME + 8];
	struct gpiod_chip *chip;
	int err = 0;

	chip_path(gpio, path);
	chip = gpiod_chip_open(path);
	if (!chip)
		return weir_fail_device(node, gpio->title, "open the chip of", errno, NULL);
	gpio->request = request_lines(chip, settings, events, offset, n);
	if (!gpio->request)
		err = fail_request(gpio, node, chip, errno);
	gpiod_chip_close(chip);
	return err;
}

void weir_gpio_release(struct weir_gpio *gpio)
{
	if (gpio->request)
		gpiod_line_request_release(gpio->request);
	gpio->request = NULL;
}

int weir_gpio_alive(const struct weir_gpio *gpio, struct weir_node *node)
{
	char path[WEIR_GPIO_NAME + 8];
	struct stat status;

	chip_path(gpio, path);
	if (!stat(path, &status) && status.st_ino == gpio->inode)
		return 0;
	return weir_fail_device(node, gpio->title, "go on", ENODEV, "its chip was unplugged, or the driver unloaded");
}
