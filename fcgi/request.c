/* SPDX-License-Identifier: MIT */
/*
 * mod_fcgid has the whole body before it starts the request, chunked or not, and sends its length:
 * so reading here never waits for a client.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <stdlib.h>

#include "fcgi/problem.h"
#include "fcgi/request.h"

static struct hc_str param(struct FCGX_Request *fcgx, const char *name)
{
	return hc_str(FCGX_GetParam(name, fcgx->envp));
}

/* The announced length; 0 if there is none, UINT64_MAX if it cannot be a length. */
static uint64_t content_length(struct FCGX_Request *fcgx)
{
	const char *text = FCGX_GetParam("CONTENT_LENGTH", fcgx->envp);
	unsigned long long length;
	char *end;

	if (!text || !*text)
		return 0;
	if (*text < '0' || *text > '9')
		return UINT64_MAX;
	errno = 0;
	length = strtoull(text, &end, 10);
	return errno || *end ? UINT64_MAX : length;
}

static enum hc_body_state read_body(struct hc_buffer *body, struct FCGX_Request *fcgx,
				    uint64_t body_max)
{
	uint64_t length = content_length(fcgx);
	size_t missing;
	char *at;

	hc_buffer_reset(body);
	if (length > body_max)
		return HC_BODY_TOO_LARGE;
	if (!length)
		return HC_BODY_WHOLE;
	at = hc_buffer_reserve(body, (size_t)length);
	if (!at)
		return HC_BODY_NO_MEMORY;
	for (missing = (size_t)length; missing;) {
		int n = FCGX_GetStr(at, missing < INT32_MAX ? (int)missing : INT32_MAX, fcgx->in);

		if (n <= 0)
			return HC_BODY_CUT;
		at += n;
		missing -= (size_t)n;
	}
	body->len = (size_t)length;
	return HC_BODY_WHOLE;
}

void hc_request_read(struct hc_request *request, struct FCGX_Request *fcgx, uint64_t body_max)
{
	request->method = param(fcgx, "REQUEST_METHOD");
	request->target = param(fcgx, "REQUEST_URI");
	request->script_name = param(fcgx, "SCRIPT_NAME");
	request->query = param(fcgx, "QUERY_STRING");
	request->content_type = param(fcgx, "CONTENT_TYPE");
	request->authorization = param(fcgx, "HTTP_AUTHORIZATION");
	request->cookie = param(fcgx, "HTTP_COOKIE");
	request->idempotency_key = param(fcgx, "HTTP_IDEMPOTENCY_KEY");
	request->origin = param(fcgx, "HTTP_ORIGIN");
	request->host = param(fcgx, "HTTP_HOST");
	request->body_state = read_body(&request->body, fcgx, body_max);
}

void hc_request_deinit(struct hc_request *request)
{
	hc_buffer_deinit(&request->body);
}

static void put(struct FCGX_Request *fcgx, const struct hc_buffer *buffer)
{
	for (size_t done = 0; done < buffer->len;) {
		size_t rest = buffer->len - done;
		int n = FCGX_PutStr(buffer->data + done, rest < INT32_MAX ? (int)rest : INT32_MAX,
				    fcgx->out);

		if (n <= 0)
			return; /* the server has gone; there is nobody left to tell */
		done += (size_t)n;
	}
}

void hc_request_answer(const struct hc_request *request, struct FCGX_Request *fcgx,
		       struct hc_response *response)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer head = HC_BUFFER_NULL;

	if (response->body.failed || response->headers.failed) {
		hc_response_reset(response);
		hc_problem_set(response, HC_FAULT_INTERNAL, "", "out of memory");
	}
	hc_response_head(&head, response);
	put(fcgx, &head);
	if (response->content_type && !hc_str_is(request->method, "HEAD"))
		put(fcgx, &response->body);
}
