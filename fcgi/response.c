/* SPDX-License-Identifier: MIT */
/*
 * Every answer says how it may be stored (not at all) and that its type is not to be guessed. HEAD
 * has the length of what GET would send: whoever sends the response leaves the body away.
 */
#include "fcgi/response.h"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 507, "Insufficient Storage" },
};

const char *hc_status_reason(int status)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void hc_response_reset(struct hc_response *response)
{
	response->status = 0;
	response->content_type = NULL;
	hc_buffer_reset(&response->headers);
	hc_buffer_reset(&response->body);
}

void hc_response_deinit(struct hc_response *response)
{
	hc_buffer_deinit(&response->headers);
	hc_buffer_deinit(&response->body);
}

void hc_response_header(struct hc_response *response, const char *name, const char *value)
{
	hc_buffer_printf(&response->headers, "%s: %s\r\n", name, value);
}

struct hc_buffer *hc_response_json(struct hc_response *response, int status)
{
	response->status = status;
	response->content_type = HC_CONTENT_JSON;
	hc_buffer_reset(&response->body);
	return &response->body;
}

void hc_response_head(struct hc_buffer *buffer, const struct hc_response *response)
{
	hc_buffer_printf(buffer, "Status: %d %s\r\n", response->status,
			 hc_status_reason(response->status));
	if (response->content_type)
		hc_buffer_printf(buffer, "Content-Type: %s\r\nContent-Length: %zu\r\n",
				 response->content_type, response->body.len);
	hc_buffer_append_str(
		buffer, HC_STR("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"));
	if (response->headers.len)
		hc_buffer_append(buffer, response->headers.data, response->headers.len);
	hc_buffer_append(buffer, "\r\n", 2);
}
