"""The page for codes, ``/a``: a form that works on any telephone, without JavaScript and without signing in.

Who has a code may answer with it and see nothing else: the answer names the job or the alert that the code is for.
Providers that post what people pressed come here too, to ``/a/report/<channel>/<secret>``.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Protocol
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.answers import Answers
from gateway.api.entry import address_of
from gateway.contracts import Reported
from gateway.errors import Unavailable
from gateway.notify.replies import Deed
from gateway.site import Site, load_words
from gateway.words import Language

DEEDS: tuple[Deed, ...] = ("ack", "accept", "arrive", "done")
LARGEST_FORM = 4096
_SHEET = (
    "body{font:1.2rem sans-serif;max-width:28rem;margin:1rem auto;padding:0 1rem}"
    "input,button{font:inherit;display:block;width:100%;box-sizing:border-box;margin:.3rem 0 1rem;padding:.6rem}"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
}


class House(Protocol):
    """Whose page it is."""

    site: Site
    answers: Answers

    def channel(self, name: str) -> object | None:
        """A channel at work."""


def routes(house: House) -> list[BaseRoute]:
    """The page, its sheet, and the door for providers' reports."""

    async def form(request: Request) -> Response:
        return _form(house, request)

    async def answered(request: Request) -> Response:
        return await _answered(house, request)

    async def sheet(_: Request) -> Response:
        return Response(_SHEET, media_type="text/css")

    async def report(request: Request) -> Response:
        return await _report(house, request)

    return [
        Route("/a", form, methods=["GET"]),
        Route("/a", answered, methods=["POST"]),
        Route("/a/sheet.css", sheet, methods=["GET"]),
        Route("/a/report/{channel}/{secret}", report, methods=["POST"]),
    ]


def _form(house: House, request: Request, said: str = "", status: int = 200, language: str = "") -> Response:
    spoken: Language = house.site.village.site.language
    asked = language or request.query_params.get("lang", "")
    spoken = "en" if asked == "en" else "zh" if asked == "zh" else spoken
    say: Callable[..., str] = load_words(spoken)
    title = escape(
        f"{house.site.village.site.name or house.site.village.site.slug} {say('answer_page.title')}"
    )
    code = escape("".join(sign for sign in request.query_params.get("c", "")[:6] if sign.isdecimal()))
    buttons = "".join(
        f'<button name="deed" value="{deed}">{escape(say(f"answer_page.{deed}"))}</button>' for deed in DEEDS
    )
    told = f"<p><strong>{escape(said)}</strong></p>" if said else ""
    return HTMLResponse(
        f'<!doctype html><html lang="{spoken}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><link rel="stylesheet" href="/a/sheet.css"><h1>{title}</h1>{told}'
        f'<form method="post" action="/a?lang={spoken}"><label>{escape(say("answer_page.code"))}'
        f'<input name="code" inputmode="numeric" autocomplete="off" maxlength="6" required value="{code}"></label>'
        f'<label>{escape(say("answer_page.name"))}<input name="name" maxlength="40" autocomplete="name"></label>'
        f"{buttons}</form></html>",
        status,
        headers=_HEADERS,
    )


async def _answered(house: House, request: Request) -> Response:
    raw = await request.body()
    fields = parse_qs(raw[:LARGEST_FORM].decode("utf-8", "replace"), max_num_fields=8)
    given = {name: values[0] for name, values in fields.items()}
    deed: Deed = next((deed for deed in DEEDS if deed == given.get("deed")), "ack")
    try:
        right, words, language = await house.answers.page(
            given.get("code", "")[:20],
            given.get("name", "")[:40],
            deed,
            address_of(request),
        )
    except Unavailable as error:
        return _form(house, request, str(error), 503)
    return _form(house, request, words, 200 if right else 404, language)


async def _report(house: House, request: Request) -> Response:
    """What a provider posts; it is answered 200 only when it was understood and done."""
    name = request.path_params["channel"]
    channel = house.channel(name)
    if not isinstance(channel, Reported) or not channel.is_from(request.path_params["secret"]):
        return PlainTextResponse("no", 404)
    try:
        for heard in channel.understood(await request.body()):
            await house.answers.take(name, heard)
    except ValueError as error:
        return PlainTextResponse(str(error), 400)
    except Unavailable as error:
        return PlainTextResponse(str(error), 503)
    return PlainTextResponse('{"code": 0, "msg": "OK"}', media_type="application/json")
