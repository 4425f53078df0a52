"""The gateway's ASGI application."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from treadle.api import documents, errors, machines, probes, runner, runner_files
from treadle.api.middleware import BodyLimit, Negotiation, SecurityHeaders, TrailingSlash
from treadle.api.platform import Platform
from treadle.api.v1 import environments, files, functions, jobs, profiles, program_reports, versions

_ROUTES = (
    functions,
    versions,
    environments,
    jobs,
    program_reports,
    files,
    profiles,
    runner,
    machines,
    runner_files,
    probes,
    documents,
)
_CROSS_ORIGIN: dict[str, Any] = {
    "allow_methods": ("GET", "POST", "PUT", "PATCH", "DELETE"),
    "allow_headers": (
        "Authorization",
        "Content-Type",
        "Last-Event-ID",
        "Range",
        "Service-CRN",
        "Service-Channel",
        "Treadle-Encoding",
        "Treadle-Location",
        "X-Requested-With",
    ),
    "expose_headers": ("Content-Disposition", "Content-Range", "Location", "WWW-Authenticate"),
}


class _Api(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Return the application with all middleware; the outermost also sees the answers to faults of ours."""
        return SecurityHeaders(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, which says that everything but the probes needs a bearer token."""
        document = super().openapi()
        document.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [{"token": []}] if path.startswith("/api/") else []
        return document


def create_app(
    platform: Platform,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    largest_body: int,
    largest_file: int,
    cors_origins: str,
    *,
    only_probes: bool = False,
) -> FastAPI:
    """Return the application that serves `platform`.

    Args:
        platform: The services.
        lifespan: Opens what must be open while requests are served.
        largest_body: Most bytes of a request's body, if it is no file.
        largest_file: Most bytes of a file.
        cors_origins: Regular expression of the origins whose pages may read answers.
        only_probes: Whether it serves nothing but the routes that tell of its health.
    """
    app = _Api(
        title="Treadle",
        version=platform.version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.platform = platform
    errors.install(app)
    app.add_middleware(BodyLimit, largest=largest_body, largest_file=largest_file)
    app.add_middleware(Negotiation)
    app.add_middleware(CORSMiddleware, allow_origin_regex=cors_origins, **_CROSS_ORIGIN)
    app.add_middleware(TrailingSlash)
    for module in (probes,) if only_probes else _ROUTES:
        app.include_router(module.router)
    return app
