/* SPDX-License-Identifier: MIT */
/* Client messages: two tables of what they may say, one a dialect. */
#include "proto/fault.h"
#include "proto/json.h"
#include "proto/pattern.h"
#include "ws/sessions/entry.h"
#include "ws/sessions/message.h"
#include "ws/sessions/resume.h"
#include "ws/sessions/session.h"
#include "ws/sessions/subscription.h"

typedef bool handle_fn(struct hc_session *session, const json_t *message, struct hc_fault *fault);

static struct hc_str text_of(const json_t *value)
{
	return (struct hc_str){ json_string_value(value), json_string_length(value) };
}

static bool refuse(struct hc_fault *fault, const char *field, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "\"%s\" %s", field, why);
	hc_fault_at(fault, hc_str(field));
	return false;
}

static void out_of_memory(struct hc_session *session)
{
	hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
}

/* ---- subscriptions ------------------------------------------------------------------------ */

static bool need_subscription(struct hc_session *session)
{
	if (!session->subscription)
		session->subscription = hc_subscription_new();
	if (!session->subscription)
		out_of_memory(session);
	return session->subscription;
}

static void apply_subscription(struct hc_session *session)
{
	if (!hc_session_refilter(session))
		out_of_memory(session);
}

/* A subscription that could never bring anything is refused instead of kept silent about. */
static bool check_right(const struct hc_session *session, const struct hc_filter *wanted,
			struct hc_fault *fault)
{
	struct hc_filter granted;

	if (!session->grant || hc_filter_equal(wanted, &HC_FILTER_NONE))
		return true;
	granted = hc_grant_filter(session->grant, session->hub->types);
	hc_filter_intersect(&granted, wanted);
	if (!hc_filter_equal(&granted, &HC_FILTER_NONE))
		return true;
	hc_fault_set(fault, HC_FAULT_FORBIDDEN, "the token does not grant any of these types");
	return false;
}

static bool check_event(const struct hc_session *session, const json_t *event,
			struct hc_fault *fault)
{
	struct hc_filter wanted = HC_FILTER_NONE;

	if (!hc_pattern_check(text_of(event), fault))
		return false;
	(void)hc_filter_add_pattern(&wanted, session->hub->types, text_of(event));
	return check_right(session, &wanted, fault);
}

static bool check_events(const struct hc_session *session, const json_t *events,
			 struct hc_fault *fault)
{
	if (!json_is_array(events))
		return refuse(fault, "events", "must be a list of patterns, as [\"alert.*\"]");
	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);

		if (!json_is_string(event))
			return refuse(fault, "events", "must be a list of text");
		if (!check_event(session, event, fault)) {
			hc_fault_at_index(fault, i);
			hc_fault_at(fault, HC_STR("events"));
			return false;
		}
	}
	return true;
}

/* What is there already needs no room. */
static bool is_new(const struct hc_session *session, enum hc_subscribed_by by, const json_t *text)
{
	return !session->subscription ||
	       !hc_subscription_has(session->subscription, by, text_of(text));
}

static bool check_room(const struct hc_session *session, size_t n_new, const char *field,
		       struct hc_fault *fault)
{
	size_t max = session->hub->conf->clients.patterns_max;
	size_t n = session->subscription ? hc_subscription_count(session->subscription) : 0;

	if (n + n_new <= max)
		return true;
	hc_fault_set(
		fault, HC_FAULT_INVALID_PARAMS,
		"%zu patterns and channels would be too many, at most %zu a client are allowed",
		n + n_new, max);
	hc_fault_at(fault, hc_str(field));
	return false;
}

static size_t count_new(const struct hc_session *session, const json_t *events)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(events); i++)
		n += is_new(session, HC_BY_PATTERN, json_array_get(events, i));
	return n;
}

static void answer_events(struct hc_session *session, const char *action, const json_t *events)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_buffer_printf(&text, "{\"action\":\"%s\",\"events\":[", action);
	for (size_t i = 0; i < json_array_size(events); i++) {
		if (i)
			hc_buffer_append(&text, ",", 1);
		hc_json_write_str(&text, text_of(json_array_get(events, i)));
	}
	hc_buffer_append_str(&text, HC_STR("]}"));
	if (text.failed)
		out_of_memory(session);
	else
		hc_session_send_text(session, (struct hc_str){ text.data, text.len });
}

static bool subscribe_events(struct hc_session *session, const json_t *message,
			     struct hc_fault *fault)
{
	const json_t *events = json_object_get(message, "events");

	if (!check_events(session, events, fault) ||
	    !check_room(session, count_new(session, events), "events", fault))
		return false;
	if (!need_subscription(session))
		return true;
	if (!json_array_size(events)) /* means none, whatever there was */
		hc_subscription_clear(session->subscription, HC_BY_PATTERN);
	for (size_t i = 0; i < json_array_size(events); i++)
		if (!hc_subscription_add(session->subscription, HC_BY_PATTERN,
					 text_of(json_array_get(events, i))))
			out_of_memory(session);
	apply_subscription(session);
	answer_events(session, "subscribed", events);
	return true;
}

/* The patterns there are, as a JSON array; a client that never subscribed has "*". */
static json_t *all_events(const struct hc_session *session)
{
	json_t *events = json_array();

	if (!session->subscription)
		(void)json_array_append_new(events, json_string("*"));
	for (size_t i = 0;
	     session->subscription && i < hc_subscription_count(session->subscription); i++) {
		enum hc_subscribed_by by;
		struct hc_str text = hc_subscription_at(session->subscription, i, &by);

		if (by == HC_BY_PATTERN)
			(void)json_array_append_new(events, json_stringn(text.s, text.len));
	}
	return events;
}

static bool names_everything(const json_t *events)
{
	for (size_t i = 0; i < json_array_size(events); i++)
		if (hc_str_is(text_of(json_array_get(events, i)), "*"))
			return true;
	return false;
}

static bool unsubscribe_events(struct hc_session *session, const json_t *message,
			       struct hc_fault *fault)
{
	const json_t *listed = json_object_get(message, "events");
	HC_CLEANUP(json_decrefp) json_t *events = NULL;

	if (listed && !check_events(session, listed, fault))
		return false;
	events = listed ? json_incref((json_t *)(uintptr_t)listed) : all_events(session);
	/* Taking single patterns out of "everything" leaves everything. */
	if (!session->subscription && !names_everything(events)) {
		answer_events(session, "unsubscribed", events);
		return true;
	}
	if (!need_subscription(session))
		return true;
	for (size_t i = 0; i < json_array_size(events); i++)
		hc_subscription_remove(session->subscription, HC_BY_PATTERN,
				       text_of(json_array_get(events, i)));
	apply_subscription(session);
	answer_events(session, "unsubscribed", events);
	return true;
}

static bool read_channel(const struct hc_session *session, const json_t *message,
			 struct hc_str *ret, struct hc_fault *fault)
{
	const json_t *channel = json_object_get(message, "channel");
	struct hc_filter wanted = HC_FILTER_NONE;

	if (!json_is_string(channel))
		return refuse(fault, "channel", "must be the name of a channel");
	if (!hc_types_has_channel(session->hub->types, text_of(channel)))
		return refuse(fault, "channel", "is not a channel: GET /api/channels lists them");
	(void)hc_filter_add_channel(&wanted, session->hub->types, text_of(channel));
	if (!check_right(session, &wanted, fault))
		return false;
	*ret = text_of(channel);
	return true;
}

static void answer_channel(struct hc_session *session, const char *type, struct hc_str channel)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_buffer_printf(&text, "{\"type\":\"%s\",\"channel\":", type);
	hc_json_write_str(&text, channel);
	hc_buffer_append(&text, "}", 1);
	if (text.failed)
		out_of_memory(session);
	else
		hc_session_send_text(session, (struct hc_str){ text.data, text.len });
}

static bool subscribe_channel(struct hc_session *session, const json_t *message,
			      struct hc_fault *fault)
{
	struct hc_str channel;

	if (!read_channel(session, message, &channel, fault) ||
	    !check_room(session,
			is_new(session, HC_BY_CHANNEL, json_object_get(message, "channel")),
			"channel", fault))
		return false;
	if (!need_subscription(session))
		return true;
	if (!hc_subscription_add(session->subscription, HC_BY_CHANNEL, channel))
		out_of_memory(session);
	apply_subscription(session);
	answer_channel(session, "subscribed", channel);
	return true;
}

static bool unsubscribe_channel(struct hc_session *session, const json_t *message,
				struct hc_fault *fault)
{
	struct hc_str channel;

	if (!read_channel(session, message, &channel, fault))
		return false;
	if (session->subscription) {
		hc_subscription_remove(session->subscription, HC_BY_CHANNEL, channel);
		apply_subscription(session);
	}
	answer_channel(session, "unsubscribed", channel);
	return true;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static bool resume(struct hc_session *session, const json_t *message, struct hc_fault *fault)
{
	const json_t *since = json_object_get(message, "since");
	struct hc_position position;

	if (!json_is_string(since) || !hc_position_parse(&position, text_of(since)))
		return refuse(fault, "since", "must be a position, <epoch>-<sequence>");
	hc_resume(session, &position);
	return true;
}

static bool authenticate(struct hc_session *session, const json_t *message, struct hc_fault *fault)
{
	const json_t *token = json_object_get(message, "token");

	if (!json_is_string(token))
		return refuse(fault, "token", "must be text");
	return hc_entry_authenticate(session, text_of(token), fault);
}

static bool answer_ping(struct hc_session *session, const json_t *message, struct hc_fault *fault)
{
	(void)message;
	(void)fault;
	hc_session_send_text(session, HC_STR("{\"type\":\"pong\"}"));
	return true;
}

static bool take_pong(struct hc_session *session, const json_t *message, struct hc_fault *fault)
{
	(void)session;
	(void)message;
	(void)fault;
	return true;
}

static const struct {
	const char *key;
	const char *value;
	handle_fn *handle;
	bool needs_entry; /* only who is let in may say it */
} messages[] = {
	{ "action", "subscribe", subscribe_events, true },
	{ "action", "unsubscribe", unsubscribe_events, true },
	{ "action", "resume", resume, true },
	{ "action", "authenticate", authenticate, false },
	{ "type", "subscribe", subscribe_channel, true },
	{ "type", "unsubscribe", unsubscribe_channel, true },
	{ "type", "ping", answer_ping, false },
	{ "type", "pong", take_pong, false },
};

static bool handle(struct hc_session *session, const json_t *message, size_t which,
		   struct hc_fault *fault)
{
	if (!session->entry || !messages[which].needs_entry)
		return messages[which].handle(session, message, fault);
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "the first message must authenticate");
	hc_session_end(session, HC_CLOSE_UNAUTHORIZED, fault->message);
	return false;
}

static bool dispatch(struct hc_session *session, const json_t *message, struct hc_fault *fault)
{
	if (!json_is_object(message)) {
		hc_fault_set(fault, HC_FAULT_MALFORMED, "a message must be a JSON object");
		return false;
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(messages); i++) {
		const char *value = json_string_value(json_object_get(message, messages[i].key));

		if (value && !strcmp(value, messages[i].value))
			return handle(session, message, i, fault);
	}
	hc_fault_set(fault, HC_FAULT_UNKNOWN_METHOD,
		     "no such message: there are the actions subscribe, unsubscribe, resume and "
		     "authenticate, and the types subscribe, unsubscribe, ping and pong");
	return false;
}

void hc_message_handle(struct hc_session *session, struct hc_str text)
{
	struct hc_fault fault = HC_FAULT_NULL;
	HC_CLEANUP(json_decrefp) json_t *message = hc_json_parse(text, &fault);

	if (!message && fault.code == HC_FAULT_INTERNAL)
		out_of_memory(session); /* nobody knows what it asked for */
	else if (!message || !dispatch(session, message, &fault))
		hc_session_tell_fault(session, &fault);
}
