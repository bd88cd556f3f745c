"""A Google Sheet's CSV export: a redirect to where the content is, as the real one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.company.serving import Serving

if TYPE_CHECKING:
    from starlette.requests import Request


def routes(serving: Serving) -> list[Route]:
    async def export(request: Request) -> Response:
        if not _found(request, serving) or request.query_params.get("format") != "csv":
            return Response("Sorry, the file you have requested does not exist.", 404, media_type="text/html")
        return RedirectResponse(f"/export/{request.path_params['sheet']}", 307)

    async def content(request: Request) -> Response:
        if not _found(request, serving):
            return Response(status_code=404)
        name = {"Content-Disposition": 'attachment; filename="Marketingbudget-Budget.csv"'}
        return Response(serving.part("marketing/budget"), media_type="text/csv", headers=name)

    return [Route("/spreadsheets/d/{sheet}/export", export), Route("/export/{sheet}", content)]


def _found(request: Request, serving: Serving) -> bool:
    known = f"/spreadsheets/d/{request.path_params['sheet']}/export" in serving.secrets["MARKETING_BUDGET_URL"]
    return known and request.query_params.get("gid", "0") == "0"
