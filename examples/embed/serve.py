"""Serves this folder under a strict Content-Security-Policy. An example, not a web server.

python serve.py                          # http://127.0.0.1:8080, or PORT; the policy names STELLWERK_HTTP
"""

import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

SERVER = os.environ.get("STELLWERK_HTTP", "http://127.0.0.1:7401")
SOCKET = urlsplit(SERVER)._replace(scheme="wss" if SERVER.startswith("https:") else "ws").geturl()
POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src 'self' {SERVER}",
        "style-src 'self'",
        "img-src data:",
        f"connect-src {SERVER} {SOCKET}",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]
)


class Page(SimpleHTTPRequestHandler):
    """The files as they are, with the policy."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()


if __name__ == "__main__":
    address = ("127.0.0.1", int(os.environ.get("PORT", "8080")))
    with ThreadingHTTPServer(address, partial(Page, directory=Path(__file__).parent)) as server:
        print(f"http://{address[0]}:{server.server_address[1]}/index.html?server={SERVER}", flush=True)
        server.serve_forever()
