/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_pages.c - what a client is told when nothing else is configured.
 *
 * Whole responses as bytes, worded as HAProxy words them, because people and
 * their tools know them. 414, 431 and 505 are ours. Read-only; any thread.
 */
#include "config.h"

#include "http.h"

#define PAGE(status, title, length, text)                                             \
	{                                                                             \
		status,                                                               \
		{                                                                     \
			"HTTP/1.1 " title "\r\n"                                      \
			"Content-length: " length "\r\n"                              \
			"Cache-Control: no-cache\r\n"                                 \
			"Connection: close\r\n"                                       \
			"Content-Type: text/html\r\n\r\n"                             \
			"<html><body><h1>" title "</h1>\n" text "\n</body></html>\n", \
			    sizeof("HTTP/1.1 " title "\r\n"                           \
				   "Content-length: " length "\r\n"                   \
				   "Cache-Control: no-cache\r\n"                      \
				   "Connection: close\r\n"                            \
				   "Content-Type: text/html\r\n\r\n"                  \
				   "<html><body><h1>" title "</h1>\n" text            \
				   "\n</body></html>\n") -                            \
			    1                                                         \
		}                                                                     \
	}

const struct http_page tw__http_pages[HTTP_N_PAGES + 1] = {
	PAGE(200, "200 OK", "58", "Service ready."),
	PAGE(400, "400 Bad request", "90", "Your browser sent an invalid request."),
	PAGE(401, "401 Unauthorized", "112",
	    "You need a valid user and password to access this content."),
	PAGE(403, "403 Forbidden", "93", "Request forbidden by administrative rules."),
	PAGE(404, "404 Not Found", "83", "The resource could not be found."),
	PAGE(405, "405 Method Not Allowed", "146",
	    "A request was made of a resource using a request method "
	    "not supported by that resource"),
	PAGE(407, "407 Unauthorized", "112",
	    "You need a valid user and password to access this content."),
	PAGE(408, "408 Request Time-out", "110",
	    "Your browser didn't send a complete request in time."),
	PAGE(410, "410 Gone", "114",
	    "The resource is no longer available and will not be available again."),
	PAGE(413, "413 Payload Too Large", "106",
	    "The request entity exceeds the maximum allowed."),
	PAGE(414, "414 URI Too Long", "106",
	    "The request line is longer than this server accepts."),
	PAGE(421, "421 Misdirected Request", "104",
	    "Request sent to a non-authoritative server."),
	PAGE(422, "422 Unprocessable Content", "116",
	    "The server cannot process the contained instructions."),
	PAGE(425, "425 Too Early", "80", "Your browser sent early data."),
	PAGE(429, "429 Too Many Requests", "117",
	    "You have sent too many requests in a given amount of time."),
	PAGE(431, "431 Request Header Fields Too Large", "145",
	    "The request's header fields are more or longer than this server accepts."),
	PAGE(500, "500 Internal Server Error", "97",
	    "An internal server error occurred."),
	PAGE(501, "501 Not Implemented", "136",
	    ".The server does not support the functionality required to fulfill the request."),
	PAGE(502, "502 Bad Gateway", "107",
	    "The server returned an invalid or incomplete response."),
	PAGE(503, "503 Service Unavailable", "107",
	    "No server is available to handle this request."),
	PAGE(504, "504 Gateway Time-out", "92", "The server didn't respond in time."),
	PAGE(505, "505 HTTP Version Not Supported", "118",
	    "The request's major HTTP version is not supported."),
	{ 0, { NULL, 0 } },
};

int
tw__http_page_index(int status)
{
	for (int i = 0; i < HTTP_N_PAGES; i++) {
		if (tw__http_pages[i].status == status)
			return i;
	}
	return -1;
}
