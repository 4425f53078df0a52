"""The description of the API, for people and for programs that read OpenAPI. No token needed, nothing loaded from elsewhere."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from treadle.api.answers import JsonAnswer

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title} API</title>
<h1>{title} API {version}</h1>
<p>For programs: <a href="/openapi.json">/openapi.json</a>.</p>
<p>Every route under /api/ needs <code>Authorization: Bearer TOKEN</code>.</p>
<table><tr><th>method</th><th>path</th><th>what it does</th></tr>
{rows}
</table></html>
"""


@router.get("/swagger/")
@router.get("/redoc/")
async def page(request: Request) -> HTMLResponse:
    """Return a page of all routes."""
    document = request.app.openapi()
    rows = "\n".join(
        _row(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return HTMLResponse(_PAGE.format(title=document["info"]["title"], version=document["info"]["version"], rows=rows))


@router.get("/swagger.json")
async def swagger_json(request: Request) -> JsonAnswer:
    """Return the OpenAPI document."""
    return JsonAnswer(request.app.openapi())


@router.get("/swagger.yaml")
async def swagger_yaml(request: Request) -> JsonAnswer:
    """Return the OpenAPI document; JSON is YAML, too."""
    return JsonAnswer(request.app.openapi(), media_type="application/yaml")


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    cells = (method.upper(), path, operation.get("description", ""))
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
