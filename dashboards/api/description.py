"""The OpenAPI 3.1 description, made from the table of operations: what it says is what the routes do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, get_args

import msgspec

from dashboards import permissions
from dashboards.api.operation import LONGEST_KEY, MOST_BULK, Media, NoQuery, Operation, Problem, Upload
from dashboards.errors import HTTP_ANSWERS, PROBLEM_TYPE

OPENAPI = "3.1.0"
_REFS = "#/components/schemas/{name}"
_GENERIC = re.compile(r"^(\w+?)_(\w+?)_+$")
_RETRY = {429, 503}

ABOUT = f"""The registry of one city's manhole covers, grates and lamps.

**Who.** A session's cookie (writes also carry the header `X-CSRFToken`) or `Authorization: Bearer TOKEN`. Each
operation names the roles (`x-roles`) and the scope a token needs (`x-token-scope`); people and tokens bound to a part
of the city see and change that part alone.

**Answers** are the thing itself, without an envelope. Every refusal is `application/problem+json` (RFC 9457); `errors`
names each field that does not fit and what would.

**Lists** hold `items` and `next`, the address of the next page (also in the header `Link`); null is the end. Pages go
by key: they neither skip nor repeat what was there all the time. Unknown parameters are refused.

**Changing** a thing needs `If-Match` with the `ETag` of what you saw: 412 when somebody was faster, 428 without it.
In a tag like `"7-9f3c…"` the number before the hyphen is the version, which alone decides. `If-None-Match` answers 304.

**Sending again.** Every write takes an `Idempotency-Key` (1 to {LONGEST_KEY} printable ASCII characters, kept 48
hours, yours alone): the same request is done once and answered alike (`Idempotency-Replayed: true`); another request
under the same key is refused with 422; while the first one runs, or when it was cut off, 409 says which.

**Limits.** At most {MOST_BULK} things in one bulk request, 500 lines on a page, and the request body's size and the
requests per minute that the operator set (413, 429 with `Retry-After`). Times are ISO 8601 in UTC; places are
WGS-84 degrees.
"""


def describe(operations: Iterable[Operation], *, server: str, version: str) -> dict[str, Any]:
    """The whole document."""
    table = list(operations)
    schemas = _Schemas(table)
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        paths.setdefault(operation.address, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": OPENAPI,
        "info": {"title": "CoverCode", "version": version, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": server}],
        "tags": [{"name": group} for group in dict.fromkeys(operation.group for operation in table)],
        "paths": paths,
        "security": [{"token": []}, {"session": []}],
        "components": {
            "schemas": schemas.components,
            "responses": {str(status): _refusal(status) for status in _error_statuses(table)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "covercode"},
            },
        },
    }


class _Schemas:
    """The JSON schemas of every Struct that the table names, each once."""

    def __init__(self, table: list[Operation]) -> None:
        found: list[Any] = [Problem]
        for operation in table:
            found += [operation.query, *([] if operation.body is None else [operation.body])]
            found += [reply for reply in operation.replies.values() if reply is not None]
        kinds = [kind for kind in found if not isinstance(kind, (Media, Upload))]
        kinds += [kind.fields for kind in found if isinstance(kind, Upload) and kind.fields is not None]
        made, components = msgspec.json.schema_components(kinds, schema_hook=_anything, ref_template=_REFS)
        names = {name: _tidy(name) for name in components}
        self._by_kind: list[tuple[Any, dict[str, Any]]] = [
            (kind, _renamed(schema, names)) for kind, schema in zip(kinds, made, strict=True)
        ]
        every: dict[str, dict[str, Any]] = {names[name]: _renamed(schema, names) for name, schema in components.items()}
        queries = {names_of["$ref"].rpartition("/")[2] for kind, names_of in self._by_kind if _is_query(kind, table)}
        self._queries: dict[str, dict[str, Any]] = {name: every[name] for name in queries}
        self.components = dict(sorted((name, schema) for name, schema in every.items() if name not in queries))

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of ``kind``, by reference where it has a name."""
        return next(schema for known, schema in self._by_kind if known == kind)

    def fields(self, kind: Any) -> dict[str, Any]:
        """The whole schema of a query."""
        return self._queries[self.of(kind)["$ref"].rpartition("/")[2]]


def _anything(kind: type) -> dict[str, Any]:
    """The schema of ``object``, which msgspec writes like any value but will not describe."""
    if kind is object:
        return {"description": "any value"}
    raise NotImplementedError


def _is_query(kind: Any, table: list[Operation]) -> bool:
    return any(kind is operation.query for operation in table)


def _tidy(name: str) -> str:
    """``Listing_AssetRow_`` as ``AssetRowListing``."""
    found = _GENERIC.match(name)
    return f"{found[2]}{found[1]}" if found else name


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, dict):
        return {
            key: _REFS.format(name=names[value.rpartition("/")[2]]) if key == "$ref" else _renamed(value, names)
            for key, value in schema.items()
        }
    return [_renamed(part, names) for part in schema] if isinstance(schema, list) else schema


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    line = permissions.line_of(operation.endpoint)
    public = None in line.roles
    told: dict[str, Any] = {
        "operationId": operation.endpoint,
        "summary": f"{operation.zh} · {operation.en}",
        "tags": [operation.group],
        "parameters": _parameters(operation, schemas),
        "responses": _responses(operation, schemas, public=public),
        "x-roles": ["everybody"] if public else sorted(str(role) for role in line.roles),
    }
    if operation.note:
        told["description"] = operation.note
    if line.token is not None:
        told["x-token-scope"] = str(line.token)
    if public:
        told["security"] = []
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": _content_of_body(operation.body, schemas)}
    return told


def _parameters(operation: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in operation.parameters:
        number = name.endswith("_id")
        schema = {"type": "integer", "minimum": 1} if number else {"type": "string", "minLength": 1}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    if operation.query is not NoQuery:
        found += [_in_query(each, schemas.fields(operation.query)) for each in msgspec.structs.fields(operation.query)]
    if operation.if_match:
        about = "The ETag of what you saw; `*` changes it whatever it is now"
        found.append(_header("If-Match", about, {"type": "string"}, required=True))
    if operation.writes and operation.keyed:
        about = "Makes sending it again harmless"
        text = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
        found.append(_header("Idempotency-Key", about, text, required=False))
    return found


def _header(name: str, about: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": about, "schema": schema}


def _in_query(field: msgspec.structs.FieldInfo, schema: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(schema["properties"][field.encode_name])
    if "anyOf" in told and type(None) in get_args(field.type):
        # None stands for "left out", which an address can only say by leaving it out.
        others = [part for part in told.pop("anyOf") if part != {"type": "null"}]
        told = {key: value for key, value in told.items() if key != "default"}
        told |= others[0] if len(others) == 1 else {"anyOf": others}
    parameter = {"name": field.encode_name, "in": "query", "required": field.required, "schema": told}
    if "description" in told:
        parameter["description"] = told.pop("description")
    if told.get("type") == "array":
        parameter |= {"style": "form", "explode": False}
    return parameter


def _content_of_body(body: Any, schemas: _Schemas) -> dict[str, Any]:
    if not isinstance(body, Upload):
        return {"application/json": {"schema": schemas.of(body)}}
    file: dict[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream", "description": body.about}
    properties = {body.field: {"type": "array", "items": file} if body.several else file}
    required = [body.field]
    if body.fields is not None:
        fields = schemas.components[schemas.of(body.fields)["$ref"].rpartition("/")[2]]
        properties |= fields["properties"]
        required += fields.get("required", [])
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"multipart/form-data": {"schema": schema}}


def _responses(operation: Operation, schemas: _Schemas, *, public: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for status, reply in operation.replies.items():
        answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if isinstance(reply, Media):
            answer["description"] = reply.about or answer["description"]
            answer["content"] = {kind: {} for kind in reply.types}
        elif reply is not None:
            answer["content"] = {"application/json": {"schema": schemas.of(reply)}}
            answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
        told[str(status)] = answer
    if not operation.writes and operation.replies.get(200) is not None:
        told["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
    for status in operation.error_statuses:
        if not (public and status in (401, 403)):
            told[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return told


def _error_statuses(table: list[Operation]) -> list[int]:
    return sorted({status for operation in table for status in operation.error_statuses})


def _refusal(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _RETRY:
        seconds = HTTP_ANSWERS[status].retry_after_s if status in HTTP_ANSWERS else None
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": f"Seconds, as {seconds or 5}"}}
    return told
