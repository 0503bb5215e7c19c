"""Alerts of other platforms, as Alertmanager's programs send them: its v2 list, and its webhook.

Never answers 5xx for what can't be used: senders would repeat it for ever. What can't be used is kept among the dead
letters, and told alert by alert; only a request of which nothing can be used is refused as a whole.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.operation import Answer, NoQuery, Operation
from dashboards.api.request import Call
from dashboards.errors import Refusals
from dashboards.refusals import problem_at
from registry.domain.external_events import EventOutcome
from registry.services import external_events
from registry.services.external_events import MOST_AT_ONCE, EventResult, RawAlert

_MOST_TOLD = 50
_RESOLVED = "resolved"


class SentAlert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An alert. One of its labels names the asset: `component_code`, `asset_code`, `tag`, `token`, `alias`."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Annotated[str | None, Meta(description="RFC 3339; left out: now")] = None
    ends_at: Annotated[
        str | None, Meta(description="RFC 3339; in the past: it is over; left out or Go's zero time: until it is told")
    ] = None
    generator_url: Annotated[str, msgspec.Meta(description="Where the source shows it")] = msgspec.field(
        name="generatorURL", default=""
    )
    status: Annotated[str, Meta(description="`firing` or `resolved`, in the webhook")] = ""


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of Alertmanager's webhook (version 4); its other fields are not looked at."""

    alerts: Annotated[list[SentAlert], Meta(max_length=MOST_AT_ONCE)]
    receiver: str = ""
    external_url: str = msgspec.field(name="externalURL", default="")


class TakenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one alert, in the order in which they were sent."""

    outcome: EventOutcome
    asset_id: int | None
    device_id: Annotated[int | None, Meta(description="The virtual device that stands for it")]
    field: Annotated[str, Meta(description="What can't be used of it; empty when all can")] = ""
    problem: str = ""


class TakenAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all of them. ``refused`` are kept among the dead letters and can be replayed."""

    taken: int
    refused: int
    items: list[TakenAlert]


Sent = Annotated[list[SentAlert], Meta(max_length=MOST_AT_ONCE)] | Webhook


def api_take_alerts(call: Call[NoQuery, list[SentAlert] | Webhook]) -> Answer:
    """Take alerts of another platform."""
    body = call.body
    sender = f"{body.receiver} {body.external_url}".strip() if isinstance(body, Webhook) else ""
    alerts = body.alerts if isinstance(body, Webhook) else body
    results = external_events.take_events(
        call.engine, [_raw(each, sender) for each in alerts], by=call.by, now=call.now
    )
    problems = [(at, result.problem) for at, result in enumerate(results)]
    refused = [problem.at(f"[{at}].{problem.field}") for at, problem in problems if problem is not None]
    if refused and len(refused) == len(results):
        raise Refusals(refused[:_MOST_TOLD])
    told = [_told(result) for result in results]
    return Answer(value=TakenAlerts(taken=len(told) - len(refused), refused=len(refused), items=told), status=202)


def _raw(sent: SentAlert, sender: str) -> RawAlert:
    return RawAlert(
        labels=sent.labels,
        annotations=sent.annotations,
        starts_at=sent.starts_at or "",
        ends_at=sent.ends_at or "",
        resolved=sent.status == _RESOLVED,
        source_url=sent.generator_url,
        sender=sender,
    )


def _told(result: EventResult) -> TakenAlert:
    return TakenAlert(
        outcome=result.outcome,
        asset_id=result.asset_id,
        device_id=result.device_id,
        field="" if result.problem is None else result.problem.field,
        problem="" if result.problem is None else problem_at(result.problem),
    )


OPERATIONS = (
    Operation(
        group="cases",
        prefix="/api/v2",
        method="POST",
        path="/alerts",
        endpoint="api_take_alerts",
        run=api_take_alerts,
        zh="接收其他平台的告警",
        en="Take alerts of another platform",
        body=Sent,
        replies={202: TakenAlerts},
        keyed=False,
        note="Takes the list of Prometheus (Alertmanager's v2 API) and the body of Alertmanager's webhook alike. "
        "Sending an alert again changes nothing; 422 says that none of them could be used, and why.",
    ),
)
