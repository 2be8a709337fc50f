"""The files of the dashboard, as the build has left them in static/. Knows nothing of what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The library of these pages writes styles into elements; scripts stay what was served.
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_FOR_EVER = "public, max-age=31536000, immutable"
_LOOK_AGAIN = "no-cache"
_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Stellwerk</title>
<h1>The dashboard is not built</h1>
<p>This server runs from a checkout without its pages. <code>npm install &amp;&amp; npm run build --workspace
server/dashboard</code> builds them; the API answers all the same, see <a href="/openapi.json">/openapi.json</a>.</p>
</html>"""


class Pages(StaticFiles):
    """A file where there is one; index.html for every other path, because the dashboard reads the path itself."""

    def __init__(self, folder: Path = STATIC) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._folder = folder

    async def get_response(self, path: str, scope: Any) -> Response:
        """The file or the page at this path."""
        if path.split("/")[0] == "docs":
            return await self._docs(path, scope)
        hashed = path.startswith("assets/")
        response = await self._file(path, scope)
        if response is None and hashed:
            raise HTTPException(404, f"there is nothing at /{path[:200]}")
        if response is None:
            response = await self._file("index.html", scope) or HTMLResponse(_MISSING, 404)
        return _with_headers(response, POLICY, _FOR_EVER if hashed else _LOOK_AGAIN)

    async def _docs(self, path: str, scope: Any) -> Response:
        response = await self._file("docs/index.html" if path == "docs" else path, scope)
        if response is None:
            if path != "docs" and (self._folder / "docs").exists():
                raise HTTPException(404, f"there is nothing at /{path[:200]}")
            response = HTMLResponse(_MISSING, 404)
        return _with_headers(response, DOCS_POLICY, _LOOK_AGAIN)

    async def _file(self, path: str, scope: Any) -> Response | None:
        try:
            return await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            return None


def _with_headers(response: Response, policy: str, caching: str) -> Response:
    response.headers["content-security-policy"] = policy
    response.headers["cache-control"] = caching
    return response
