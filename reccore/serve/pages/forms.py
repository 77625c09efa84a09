"""What a browser sends with a form, and whether it was one of our own pages that sent it.

Cookies are SameSite=Strict, so another site's form comes without them; it is refused all the same,
for it could still make the browser take a cookie.
"""

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from reccore.serve.refusal import Refusal

FIELDS = 30  # of a form
LONGEST = 2000  # characters of a place to go back to


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that one of our own pages sent; of two of a name, the last."""
    refuse_foreign(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "not_a_form", "this is no form", field="Content-Type")
    try:
        text = (await request.body()).decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError:
        raise Refusal(400, "bad_form", "the form cannot be read") from None
    return dict(pairs)


def refuse_foreign(request: Request) -> None:
    """Browsers say where a request comes from; what is no browser may say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        own = site in ("same-origin", "none")
    else:  # sent over plain http
        origin = request.headers.get("origin")
        own = origin is None or _host(origin) == request.headers.get("host", "").lower()
    if not own:
        raise Refusal(403, "cross_site", "another site's page may not ask for this")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def local(place: str, otherwise: str = "/") -> str:
    """A path of this server to go back to, whatever a form says."""
    safe = place.startswith("/") and not place.startswith("//") and "\\" not in place
    return place if safe and len(place) <= LONGEST and place.isprintable() else otherwise
