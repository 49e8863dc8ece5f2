# SPDX-License-Identifier: MIT
"""HTTP requests, one connection each unless kept."""
import http.client
import json
import ssl

from harness.processes import DEADLINE

UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE  # a run's certificate is self-signed


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def type(self):
        return self.headers.get("Content-Type", "").split(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.type} {self.body[:500]!r}>"


class Rest:
    def __init__(self, port, token=None, *, tls=False, host="127.0.0.1"):
        self.port = port
        self.token = token
        self.tls = tls
        self.host = host

    def connection(self, timeout=DEADLINE):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout,
                                               context=UNVERIFIED)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, *, headers=None, token="own", kind=None,
                connection=None, timeout=DEADLINE):
        """A body that is neither text nor bytes is sent as JSON."""
        send = dict(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            kind = kind or "application/json"
        if isinstance(body, str):
            body = body.encode()
        if kind:
            send["Content-Type"] = kind
        if token == "own":
            token = self.token
        if token:
            send["Authorization"] = f"Bearer {token}"
        own = connection or self.connection(timeout)
        try:
            own.request(method, path, body=body, headers=send)
            return Answer(own.getresponse())
        finally:
            if own is not connection:
                own.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def read(self, path, **more):
        """The JSON of a GET that must succeed."""
        answer = self.get(path, **more)
        assert answer.status == 200, answer
        assert answer.type == "application/json", answer
        return answer.json
