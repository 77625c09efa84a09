"""Write the parts of the docs that are read off the code: `python docs/render.py`.

docs/api.md is the OpenAPI document as a page, docs/serve.md holds the table of settings, and
docs/operate.md the table of metrics. A test renders them again and compares.
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from cinesync.app import application
from reccore.bundle.registry import Registry
from reccore.config import Settings
from reccore.serve.metrics import Metrics
from reccore.serve.settings import ServeSettings

DOCS = Path(__file__).parent
REF = "#/components/schemas/"
Schema = dict[str, Any]
TITLES = {
    "recommend": "Recommend",
    "feedback": "Feedback",
    "catalogue": "Catalogue",
    "privacy": "Privacy",
    "operate": "Operate",
    "health": "Health",
}
INTRODUCTION = """\
# The API

Written by `python docs/render.py` from the server's own OpenAPI document, which a running server
gives at `/openapi.json`. How to get one: [Serving](serve.md).

Bodies are JSON objects, sent as `application/json`. A key goes into `Authorization: Bearer KEY` or
`X-Api-Key: KEY`. Every answer carries `X-Request-Id`: yours, if you send one of up to 64 letters,
digits, `_` and `-`. An unknown field is refused, never ignored. Ids are texts; numbers will do.

A refusal is `{"error": {"code", "message", "field", "remedy"}}`; `field` and `remedy` where they
help. After a 429 or a 503 wait as long as `Retry-After` says.
"""


def settings() -> str:
    """Every setting of the server as a table."""
    rows = [
        f"| `{key}` | {_default(field.default)} | {_cell(words)} |"
        for key, field, words in _fields(ServeSettings)
    ]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _fields(cls: type[Settings], prefix: str = "") -> Iterator[tuple[str, FieldInfo, str]]:
    said = _docstrings(cls)
    for name, field in cls.model_fields.items():
        if isinstance(field.default, Settings):
            yield from _fields(type(field.default), f"{prefix}{name}.")
        else:
            yield prefix + name, field, field.description or said.get(name, "")


def _docstrings(cls: type[Settings]) -> dict[str, str]:
    """What stands below each field, as text."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(after.value, ast.Constant)
            found[field.target.id] = " ".join(str(after.value.value).split())
    return found


def _default(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def metrics() -> str:
    """Every metric of the server's own as a table."""
    text = Metrics().exposition()[0].decode()
    said = dict(re.findall(r"^# HELP (giftrec_\S+) (.*)$", text, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (giftrec_\S+) (\S+)$", text, re.MULTILINE))
    rows = [
        f"| `{name}` | {kinds[name]} | {_cell(words)} |"
        for name, words in said.items()
        if not name.endswith("_created")
    ]
    return "\n".join(["| metric | kind | meaning |", "|---|---|---|", *rows])


def api() -> str:
    """The API as a page."""
    edge = application(Registry("cinesync", "models"), "films", ServeSettings())
    app: Any = edge.app
    document: Schema = app.openapi()
    parts, schemas = [INTRODUCTION], document["components"]["schemas"]
    for tag, title in TITLES.items():
        parts.append(f"## {title}\n")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation["tags"] == [tag]:
                    scope = edge._gate.rules.find(method.upper(), path).scope
                    parts.append(_operation(method.upper(), path, operation, scope, schemas))
    parts.append("## What is sent and answered\n")
    parts += [_model(name, schemas[name]) for name in sorted(schemas) if name not in _HIDDEN]
    parts.append("## Refusals\n\n" + _refusals(document))
    return "\n".join(parts)


_HIDDEN = {"Error", "Fault"}  # said in the introduction


def _operation(method: str, path: str, operation: Schema, scope: str | None, all_: Schema) -> str:
    needs = f"Needs a key with the scope `{scope}`." if scope else "Needs no key."
    told = [f"### {method} {path}\n", f"{operation['description']} {needs}\n"]
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [
            f"| `{one['name']}` ({one['in']}) | {_kind(one['schema'])} | "
            f"{_lack(one['schema'], one['required'])} | {_cell(one.get('description', ''))} |"
            for one in parameters
        ]
        told.append("\n".join([_HEAD.replace("field", "parameter"), _RULE, *rows]) + "\n")
    body = operation.get("requestBody")
    if body is not None:
        name = body["content"]["application/json"]["schema"]["$ref"].removeprefix(REF)
        told.append(f"Send {_link(name)}.\n")
        for example in all_[name].get("examples", []):
            told.append(f"```json\n{json.dumps(example, sort_keys=True)}\n```\n")
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if status.startswith("2") and "$ref" in schema:
            told.append(f"Answers {status} with {_link(schema['$ref'].removeprefix(REF))}.\n")
    return "\n".join(told)


_HEAD = "| field | type | default | meaning |"
_RULE = "|---|---|---|---|"


def _model(name: str, schema: Schema) -> str:
    required = schema.get("required", [])
    told = [f"### {name}\n"]
    if "description" in schema:
        told.append(" ".join(schema["description"].split()) + "\n")
    rows = [
        f"| `{field}` | {_kind(one)} | {_lack(one, field in required)} | "
        f"{_cell(one.get('description', ''))} |"
        for field, one in schema.get("properties", {}).items()
    ]
    if rows:
        told.append("\n".join([_HEAD, _RULE, *rows]) + "\n")
    return "\n".join(told)


def _lack(schema: Schema, required: bool) -> str:
    """What holds where the field is left out."""
    if required:
        return "required"
    default = schema.get("default")
    if isinstance(default, dict) and default:
        return "its own"
    return "none" if default in (None, "", [], {}) else f"`{json.dumps(default)}`"


def _kind(schema: Schema) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return _link(schema["$ref"].removeprefix(REF))
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    return _plain_kind(schema, schema.get("type", "anything"))


def _plain_kind(schema: Schema, kind: str) -> str:
    if kind == "array":
        return f"list of {_span(schema, 'minItems', 'maxItems')}{_kind(schema['items'])}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        many = _span(schema, "minProperties", "maxProperties")
        return f"object of {many}{_kind(inner)}" if isinstance(inner, dict) else "object"
    if kind == "string":
        span = _span(schema, "minLength", "maxLength").strip()
        return f"string, {span} characters" if span else "string"
    span = _span(schema, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum").strip()
    return f"{kind}, {span}" if span else kind


def _span(schema: Schema, low: str, high: str, above: str = "", below: str = "") -> str:
    least, most = schema.get(low), schema.get(high)
    if least is not None and most is not None:
        return f"{least:g} to {_number(most)} "
    if most is not None:
        return f"up to {_number(most)} "
    said = [f"{least:g} or more"] if least is not None else []
    said += [f"more than {schema[above]:g}"] if above in schema else []
    said += [f"less than {schema[below]:g}"] if below in schema else []
    return " and ".join(said) + (" " if said else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _refusals(document: Schema) -> str:
    responses = document["paths"]["/v1/recommendations"]["post"]["responses"]
    rows = [
        f"| {status} | {told['description']} |"
        for status, told in responses.items()
        if not status.startswith("2")
    ]
    return "\n".join(["| status | meaning |", "|---|---|", *rows]) + "\n"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


def between(text: str, name: str, inside: str) -> str:
    """A page with what stands between `<!-- name -->` and `<!-- /name -->` replaced."""
    found = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not found.search(text):
        raise ValueError(f"the page has no place for {name}")
    return found.sub(lambda part: f"{part[1]}{inside}\n{part[2]}", text)


def rendered() -> dict[str, str]:
    """Every page that holds such a part, as it should read."""
    pages = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("serve.md", "operate.md")}
    return {
        "api.md": api(),
        "serve.md": between(pages["serve.md"], "settings", settings()),
        "operate.md": between(pages["operate.md"], "metrics", metrics()),
    }


if __name__ == "__main__":
    for page, content in rendered().items():
        (DOCS / page).write_text(content, encoding="utf-8")
