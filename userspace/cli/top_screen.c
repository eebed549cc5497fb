/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "top.h"

static struct termios screen_before;
static volatile sig_atomic_t screen_is_open, screen_ends;

static void screen_write(const char *text, size_t n)
{
	while (n) {
		ssize_t written = write(STDOUT_FILENO, text, n);

		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (written > 0) {
			text += written;
			n -= (size_t)written;
		}
	}
}

static void screen_on_end(int signal)
{
	(void)signal;
	screen_ends = 1;
}

/* It only interrupts the wait for a key. */
static void screen_on_size(int signal)
{
	(void)signal;
}

/* From the background, and back: the shell has used the terminal meanwhile. */
static void screen_on_stop(int signal)
{
	top_screen_close();
	raise(SIGSTOP);
	top_screen_open();
	(void)signal;
}

static void screen_catch(void)
{
	struct sigaction action = { .sa_handler = screen_on_end };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = screen_on_size;
	sigaction(SIGWINCH, &action, NULL);
	action.sa_handler = screen_on_stop;
	sigaction(SIGTSTP, &action, NULL);
}

int top_screen_open(void)
{
	/* Alternate screen, no cursor, no wrapping of lines. */
	static const char begin[] = "\033[?1049h\033[?25l\033[?7l";
	struct termios raw;

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &raw) < 0)
		return -ENOTTY;
	if (!screen_is_open)
		screen_before = raw;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	screen_is_open = 1;
	screen_catch();
	screen_write(begin, sizeof(begin) - 1);
	return 0;
}

void top_screen_close(void)
{
	static const char end[] = "\033[?7h\033[?25h\033[?1049l";

	if (!screen_is_open)
		return;
	screen_is_open = 0;
	screen_write(end, sizeof(end) - 1);
	tcsetattr(STDIN_FILENO, TCSANOW, &screen_before);
}

int top_screen_wait(int timeout_ms)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char key;
	int n = screen_ends ? 0 : poll(&input, 1, timeout_ms);

	if (screen_ends)
		return -1;
	if (n <= 0)
		return 0;
	return read(STDIN_FILENO, &key, 1) == 1 ? key : -1;
}

void top_screen_show(const char *text)
{
	static const char home[] = "\033[H", rest[] = "\033[J";

	screen_write(home, sizeof(home) - 1);
	screen_write(text, strlen(text));
	screen_write(rest, sizeof(rest) - 1);
}

void top_screen_size(unsigned *width, unsigned *height)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	*height = 0;
	*width = columns && atoi(columns) > 0 ? (unsigned)atoi(columns) : 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return;
	*width = size.ws_col;
	*height = size.ws_row;
}
