"""What the application has at a path, beyond the route that a request matches."""

from fastapi import FastAPI
from starlette.routing import Match

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods for which `app` has a route at `path`, which is none where nothing is."""
    return [method for method in _METHODS if _has_route(app, path, method)]


def _has_route(app: FastAPI, path: str, method: str) -> bool:
    scope = {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}
    return any(route.matches(dict(scope))[0] is Match.FULL for route in app.routes)
