/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 after table 3-7 of Unicode 15: the lead byte decides the length and the range of the second
 * byte; every further byte is 80..BF. That alone excludes overlong forms, surrogates and what is
 * above U+10FFFF. O(n), eight bytes at a time over ASCII.
 */
#include "proto/utf8.h"

#define ASCII_MASK 0x8080808080808080ull

static const char mark[] = "\xef\xbf\xbd"; /* U+FFFD */
#define MARK_LEN (sizeof(mark) - 1)

/* Bytes of the character that a lead byte begins; 0 if it is none. */
static size_t len_by_lead(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Whether a good lead byte is followed by @len - 1 bytes that may follow it. */
static bool is_followed(const unsigned char *s, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;

	if (len < 2)
		return true;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return false;
	for (size_t i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

/*
 * Bytes of the well-formed character at the front of @text, which is not empty; 0 if there is none.
 */
static size_t char_len(struct hc_str text)
{
	const unsigned char *s = (const unsigned char *)text.s;
	size_t len = len_by_lead(s[0]);

	return text.len >= len && is_followed(s, len) ? len : 0;
}

/* Whether @text is the front of a character, and its end. */
static bool is_cut(struct hc_str text)
{
	const unsigned char *s = (const unsigned char *)text.s;

	return text.len < len_by_lead(s[0]) && is_followed(s, text.len);
}

/* Whether the well-formed character at @s must not reach a display; the list is in the header. */
static bool is_deceptive(const unsigned char *s, size_t len)
{
	unsigned int code;

	if (len == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	if (len == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	if (len != 3)
		return false;
	code = (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	return (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x2064) || (code >= 0x2066 && code <= 0x206f) ||
	       code == 0xfeff;
}

/*
 * Takes one character, or one malformed byte, from the front of @text.
 * Return: what to show for it.
 */
static struct hc_str take_clean(struct hc_str *text)
{
	size_t len = char_len(*text);
	struct hc_str shown = { text->s, len };

	if (!len || is_deceptive((const unsigned char *)text->s, len))
		shown = (struct hc_str){ mark, MARK_LEN };
	text->s += len ? len : 1;
	text->len -= len ? len : 1;
	return shown;
}

/* Takes what is well-formed from the front of @text. */
static void take_valid(struct hc_str *text)
{
	uint64_t word;
	size_t len;

	while (text->len) {
		while (text->len >= sizeof(word)) {
			memcpy(&word, text->s, sizeof(word));
			if (word & ASCII_MASK)
				break;
			text->s += sizeof(word);
			text->len -= sizeof(word);
		}
		if (!text->len)
			return;
		len = char_len(*text);
		if (!len)
			return;
		text->s += len;
		text->len -= len;
	}
}

bool hc_utf8_valid(struct hc_str text)
{
	take_valid(&text);
	return !text.len;
}

bool hc_utf8_begins(size_t *ret_whole, struct hc_str text)
{
	struct hc_str rest = text;

	take_valid(&rest);
	if (rest.len && !is_cut(rest))
		return false;
	*ret_whole = text.len - rest.len;
	return true;
}

bool hc_utf8_clean(struct hc_buffer *buffer, struct hc_str text)
{
	bool replaced = false;
	struct hc_str shown;

	while (text.len) {
		shown = take_clean(&text);
		replaced |= shown.s == mark;
		hc_buffer_append_str(buffer, shown);
	}
	return replaced;
}

size_t hc_utf8_clean_fixed(char *ret, size_t size, struct hc_str text)
{
	struct hc_str shown;
	size_t len = 0;

	while (text.len) {
		shown = take_clean(&text);
		if (shown.len >= size - len)
			break;
		memcpy(ret + len, shown.s, shown.len);
		len += shown.len;
	}
	ret[len] = '\0';
	return len;
}
