"""The gateway's ASGI application."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI

from treadle.api import errors, probes, runner
from treadle.api.middleware import BodyLimit, TrailingSlash
from treadle.api.platform import Platform
from treadle.api.v1 import files, functions, jobs, versions


class _Api(FastAPI):
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
) -> FastAPI:
    """Return the application that serves `platform`.

    Args:
        platform: The services.
        lifespan: Opens what must be open while requests are served.
        largest_body: Most bytes of a request's body, if it is no file.
        largest_file: Most bytes of a file.
    """
    app = _Api(title="Treadle", version=platform.version, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.platform = platform
    errors.install(app)
    app.add_middleware(BodyLimit, largest=largest_body, largest_file=largest_file)
    app.add_middleware(TrailingSlash)
    for router in (functions.router, versions.router, jobs.router, files.router, runner.router, probes.router):
        app.include_router(router)
    return app
