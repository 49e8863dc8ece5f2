/* SPDX-License-Identifier: MIT */
/*
 * Log messages: formatted on the stack and written with one write(2), so that lines of several
 * processes on one stderr do not mix and a message about lack of memory needs none.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/clock.h"
#include "proto/log.h"

#define LINE_MAX_ 2048 /* bytes; what the kernel takes at once on a pipe is PIPE_BUF = 4096 */
#define LIMIT_NS  1000000000ull /* one message a second */

static const char *const names[] = {
	[HC_LOG_ERR] = "err",	[HC_LOG_WARNING] = "warning", [HC_LOG_NOTICE] = "notice",
	[HC_LOG_INFO] = "info", [HC_LOG_DEBUG] = "debug",
};

static const char *arg_program; /* hc_log_init() */
static enum hc_log_level arg_level = HC_LOG_NOTICE;
static bool arg_journal;

/*
 * JOURNAL_STREAM is "device:inode" of the stream that systemd opened. A program whose stderr was
 * redirected since has inherited the variable, but not the journal. Source: systemd.exec(5).
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && dev == st.st_dev && ino == st.st_ino;
}

void hc_log_init(const char *program, enum hc_log_level level)
{
	arg_program = program;
	arg_level = level;
	arg_journal = stderr_is_journal();
}

int hc_log_level_from_name(const char *name)
{
	for (size_t i = HC_LOG_ERR; i < HC_ARRAY_LEN(names); i++) {
		if (!strcmp(name, names[i]))
			return (int)i;
	}
	return -1;
}

/* What snprintf() has put into @size bytes, if it wanted to put @wanted. */
static size_t written(int wanted, size_t size)
{
	if (wanted < 0)
		return 0;
	return (size_t)wanted < size ? (size_t)wanted : size - 1;
}

void hc_log(enum hc_log_level level, const char *format, ...)
{
	int saved_errno = errno; /* for %m, and for the caller */
	char line[LINE_MAX_];
	size_t head, len;
	va_list args;
	int n;

	if (level > arg_level)
		return;
	if (arg_journal)
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		n = snprintf(line, sizeof(line),
			     "%s: %s: ", arg_program ? arg_program : program_invocation_short_name,
			     names[level]);
	head = written(n, sizeof(line));
	errno = saved_errno;
	va_start(args, format);
	n = vsnprintf(line + head, sizeof(line) - head, format, args);
	va_end(args);
	len = head + written(n, sizeof(line) - head);
	if (n > 0 && len == sizeof(line) - 1)
		memcpy(line + len - 3, "...", 3);
	for (size_t i = head; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' '; /* one message is one line */
	}
	line[len++] = '\n';
	/* A log that cannot be written has nobody to tell. */
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}

/* How @c stands between quotes; returns its length. */
static size_t quote_char(char ret[static 5], unsigned char c)
{
	static const char letters[] = { ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
	static const char hex[] = "0123456789abcdef";

	ret[0] = '\\';
	if (c == '"' || c == '\\') {
		ret[1] = (char)c;
		return 2;
	}
	if (c < sizeof(letters) && letters[c]) {
		ret[1] = letters[c];
		return 2;
	}
	if (c < ' ' || c > '~') {
		ret[1] = 'x';
		ret[2] = hex[c >> 4];
		ret[3] = hex[c & 15];
		return 4;
	}
	ret[0] = (char)c;
	return 1;
}

const char *hc_log_quote(char buffer[static HC_LOG_QUOTE_MAX], struct hc_str text)
{
	static const char cut[] = "\"...";
	char quoted[5];
	size_t len = 0, i, n;

	buffer[len++] = '"';
	for (i = 0; i < text.len; i++) {
		n = quote_char(quoted, (unsigned char)text.s[i]);
		if (len + n + sizeof(cut) > HC_LOG_QUOTE_MAX)
			break;
		memcpy(buffer + len, quoted, n);
		len += n;
	}
	memcpy(buffer + len, i < text.len ? cut : "\"", i < text.len ? sizeof(cut) : 2);
	return buffer;
}

bool hc_log_limited(struct hc_log_limit *limit)
{
	uint64_t now_ns = hc_monotonic_ns();

	if (now_ns < limit->next_ns) {
		limit->n_suppressed++;
		return false;
	}
	if (limit->n_suppressed)
		hc_warn("%u messages like the next one were suppressed", limit->n_suppressed);
	limit->n_suppressed = 0;
	limit->next_ns = now_ns + LIMIT_NS;
	return true;
}
