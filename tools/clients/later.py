"""Answers as a later version of the API might: each open value is one that nobody
knows yet, and each object has a field more. Requests go on to the URL in the
argument. The first line of the output is where it listens."""

import http.client
import http.server
import json
import sys
import urllib.parse

OPEN = {
    "kind", "state", "status", "step", "failedStep", "failureClass", "errorClass", "code",
    "dependency", "archivedFrom", "tenantStatus", "allowedActions", "undoes",
}  # fmt: skip


def grown(value, name=None):
    if isinstance(value, dict):
        return {k: grown(v, k) for k, v in value.items()} | {"addedLater": {"by": "a later version"}}
    if isinstance(value, list) and name in OPEN:
        return ["LATER"]
    if isinstance(value, list):
        return [grown(v) for v in value]
    return "LATER" if name in OPEN and isinstance(value, str) else value


class Later(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = http.client.HTTPConnection(urllib.parse.urlsplit(sys.argv[1]).netloc, timeout=70)
        server.request("GET", self.path, headers={"Authorization": self.headers["Authorization"] or ""})
        answer = server.getresponse()
        body = json.dumps(grown(json.loads(answer.read()))).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Later)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
