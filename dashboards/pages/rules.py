"""Rules: the list, the editor with its live sentence and back-test, versions, undo, files.

An edit is kept as a new version and takes effect within seconds. Before that the page asks again when the rule would
have raised more cases yesterday than ``rules.warn_cases``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from flask import Flask, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from dashboards import forms, rule_forms
from dashboards.login import actor
from dashboards.refusals import problem_at
from dashboards.rule_editor import difference_said, editor_page, level_unit, season_names
from dashboards.rule_words import clears, fires, rule_field_name, rule_name, say_rule
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, DomainError, InvalidInput, StoreDown
from registry.domain.kinds import RuleKind
from registry.domain.rules import Rule
from registry.domain.rules.files import write_rules
from registry.queries import rules as rule_queries
from registry.queries.backtest_cases import WouldRaise, would_raise
from registry.services import rule_edits
from registry.services.rules import shipped_rule


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/rules", "rules", rules)
    app.add_url_rule("/rules/new", "new_rule", new_rule)
    app.add_url_rule("/rules", "add_rule", add_rule, methods=["POST"])
    app.add_url_rule("/rules/draft", "draft_rule", draft_rule, methods=["POST"])
    app.add_url_rule("/rules/rules.yaml", "rules_file", rules_file)
    app.add_url_rule("/rules/<key>", "rule", rule)
    app.add_url_rule("/rules/<key>", "save_rule", save_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/undo", "undo_rule", undo_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/take", "take_rule", take_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/switch", "switch_rule", switch_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/ship", "ship_rule", ship_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/retire", "retire_rule", retire_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/restore", "restore_rule", restore_rule, methods=["POST"])
    app.add_url_rule("/rules/<key>/versions", "rule_history", rule_history)
    app.jinja_env.globals.update(
        rule_name=rule_name, rule_fires=fires, rule_clears=clears, rule_field_name=rule_field_name, say_rule=say_rule
    )


def rules() -> str:
    """Every rule, the worst first."""
    with_retired = bool(forms.flag(request.args, "retired"))
    lines = rule_queries.list_rules(site().engine, now=now(), zone=site().zone, with_retired=with_retired)
    return render_template(
        "rules.html", lines=lines, with_retired=with_retired, kinds=list(RuleKind), seasons=season_names()
    )


def new_rule() -> str:
    """The editor of a rule that is not there yet: of a kind, or as a copy of another (``?copy=``)."""
    source = forms.optional_text(request.args, "copy", most=60)
    if source is not None:
        line = rule_queries.rule_line(site().engine, source, now=now(), zone=site().zone)
        copied = msgspec.structs.replace(line.rule, key="", version=0, name_zh="", name_en="")
        return editor_page(copied, rule_forms.values_of(copied, rule_queries.asset_codes(site().engine, copied)))
    kind = RuleKind(forms.choice(request.args, "kind", list(RuleKind)) or RuleKind.LIMIT)
    begun = rule_forms.new_rule(kind)
    return editor_page(begun, rule_forms.values_of(begun))


def add_rule() -> str | AnyResponse | tuple[str, int]:
    """Keep a new rule, unless something in it is wrong or it would have raised very many cases."""
    return _save(forms.text(request.form, "key", most=60), None)


def rule(key: str) -> str:
    """The editor. ``?version=`` fills it with an older version, ``?shipped=1`` with this release's."""
    line = rule_queries.rule_line(site().engine, key, now=now(), zone=site().zone)
    shown, shipped = line.rule, shipped_rule(key)
    version = forms.optional_int(request.args, "version")
    if version is not None and version != shown.version:
        shown = rule_queries.rule_version(site().engine, key, version)
    elif shipped is not None and request.args.get("shipped"):
        shown = msgspec.structs.replace(shipped, enabled=line.rule.enabled)
    values = rule_forms.values_of(shown, rule_queries.asset_codes(site().engine, shown))
    return editor_page(shown, values, line=line)


def save_rule(key: str) -> str | AnyResponse | tuple[str, int]:
    """Keep an edit as a new version; what is wrong is told beside the fields, and nothing typed is lost."""
    return _save(key, rule_queries.rule_line(site().engine, key, now=now(), zone=site().zone))


def draft_rule() -> Response:
    """What an unsaved form says: ``{rule, who, fires, clears, more, unit, problems}``; rule null: unreadable."""
    read = rule_forms.read_form(request.form, key=request.form.get("key", "").strip() or "new_rule")
    problems = read.problems
    told: dict[str, Any] = {"rule": None, "who": "", "fires": "", "clears": "", "more": [], "unit": ""}
    if read.rule is not None:
        # while it is being written a new rule has no name yet: that is said when it is saved
        named = msgspec.structs.replace(read.rule, name_zh=read.rule.name_zh or "–")
        problems = [*rule_edits.check_for_city(site().engine, named, tags=read.tags)]
        saying = say_rule(read.rule, season_names())
        told |= {
            "rule": msgspec.to_builtins(rule_edits.as_meant(site().engine, read.rule, read.tags)),
            "who": saying.who,
            "fires": saying.fires,
            "clears": saying.clears,
            "more": saying.more,
            "unit": level_unit(read.rule),
        }
    told["problems"] = [
        {"field": each.field, "name": rule_field_name(each.field), "problem": problem_at(each)} for each in problems
    ]
    return Response(msgspec.json.encode(told), mimetype="application/json")


def undo_rule(key: str) -> AnyResponse:
    """Take the last change back."""
    rule_edits.undo_rule(site().engine, key, seen_version=_seen(), by=actor(), now=now())
    flash(t("message.rule_undone"), "ok")
    return redirect(url_for("rule", key=key), 303)


def take_rule(key: str) -> AnyResponse:
    """Make an older version the newest again."""
    version = forms.optional_int(request.form, "take") or 0
    note = t("rules.taken_note", version=version)
    rule_edits.take_version(site().engine, key, version, seen_version=_seen(), note=note, by=actor(), now=now())
    flash(t("message.rule_taken", version=version), "ok")
    return redirect(url_for("rule", key=key), 303)


def switch_rule(key: str) -> AnyResponse:
    """Switch the rule on or off."""
    on = request.form.get("on") == "1"
    rule_edits.switch_rule(site().engine, key, on=on, seen_version=_seen(), by=actor(), now=now())
    flash(t("message.rule_on" if on else "message.rule_off"), "ok")
    return redirect(url_for("rule", key=key), 303)


def ship_rule(key: str) -> AnyResponse:
    """Go back to the rule as this release ships it."""
    rule_edits.ship_again(site().engine, key, seen_version=_seen(), by=actor(), now=now())
    flash(t("message.rule_shipped"), "ok")
    return redirect(url_for("rule", key=key), 303)


def retire_rule(key: str) -> AnyResponse:
    """Take the rule out of use; its history stays."""
    note = forms.text(request.form, "note", most=rule_edits.MOST_NOTE)
    rule_edits.retire_rule(site().engine, key, seen_version=_seen(), note=note, by=actor(), now=now())
    flash(t("message.rule_retired"), "ok")
    return redirect(url_for("rule", key=key), 303)


def restore_rule(key: str) -> AnyResponse:
    """Take a retired rule into use again."""
    rule_edits.restore_rule(site().engine, key, seen_version=_seen(), by=actor(), now=now())
    flash(t("message.rule_restored"), "ok")
    return redirect(url_for("rule", key=key), 303)


def rule_history(key: str) -> str:
    """Every version of a rule, with who made it, why, and what it changed."""
    engine = site().engine
    line = rule_queries.rule_line(engine, key, now=now(), zone=site().zone)
    return render_template(
        "rule_history.html", line=line, versions=rule_queries.rule_versions(engine, key), said=difference_said
    )


def rules_file() -> Response:
    """The rules in use (all, or ``?key=``) as a YAML file."""
    key = forms.optional_text(request.args, "key", most=60)
    text = write_rules(rule_queries.rules_for_file(site().engine, (key,) if key else ()))
    response = Response(text, mimetype="application/yaml")
    response.headers["Content-Disposition"] = f'attachment; filename="{key or "rules"}.yaml"'
    return response


def _save(key: str, line: rule_queries.RuleLine | None) -> str | AnyResponse | tuple[str, int]:
    form = request.form
    read = rule_forms.read_form(form, key=key, kept=None if line is None else line.rule)
    if form.get("action") == "kind":
        shown = rule_forms.with_kind(
            line.rule if line else rule_forms.new_rule(RuleKind.LIMIT), rule_forms.kind_of(form)
        )
        return editor_page(shown, _typed() | _of_kind(shown), line=line)
    errors = {each.field: problem_at(each) for each in reversed(read.problems)}
    wanted = read.rule
    if wanted is not None:
        found = rule_edits.check_for_city(site().engine, wanted, tags=read.tags)
        errors = {each.field: problem_at(each) for each in reversed(found)}
    shown = wanted or (line.rule if line else rule_forms.new_rule(rule_forms.kind_of(form)))
    if wanted is None or errors:
        kinded = (
            shown if shown.kind is rule_forms.kind_of(form) else rule_forms.with_kind(shown, rule_forms.kind_of(form))
        )
        return editor_page(kinded, _typed(), line=line, errors=errors), 422
    if not form.get("sure") and (many := _too_many(wanted, read.tags)) is not None:
        return editor_page(shown, _typed(), line=line, many=many), 409
    try:
        version = rule_edits.save_rule(
            site().engine,
            wanted,
            tags=read.tags,
            seen_version=forms.optional_int(form, "version") if line else 0,
            note=form.get("note", ""),
            by=actor(),
            now=now(),
        )
    except (InvalidInput, Conflict) as error:
        field = error.field if isinstance(error, InvalidInput) else "key" if line is None else "version"
        said = (
            problem_at(error)
            if isinstance(error, InvalidInput)
            else t("rules.changed_meanwhile" if line else "rules.exists")
        )
        return editor_page(shown, _typed(), line=line, errors={field: said}), 409 if isinstance(
            error, Conflict
        ) else 422
    flash(t("message.rule_saved", version=version), "ok")
    return redirect(url_for("rule", key=key, saved=1), 303)


def _too_many(wanted: Rule, tags: Sequence[str]) -> WouldRaise | None:
    """How many cases the rule would have raised yesterday, where that is more than people want to hear of unasked."""
    most = site().city.warn_cases
    if not wanted.enabled or wanted.case_kind is None:
        return None
    meant = rule_edits.as_meant(site().engine, wanted, tags)
    yesterday = (now().astimezone(site().zone) - timedelta(days=1)).date()
    try:
        found = would_raise(site().engine, site().store, meant, yesterday, zone=site().zone)
    except (StoreDown, DomainError):
        return None  # not to be counted now is no reason to keep a rule from being mended
    return found if found.is_many(most) else None


def _typed() -> dict[str, str]:
    return {name: text for name, text in request.form.items() if name not in ("csrf_token", "action")}


def _of_kind(shown: Rule) -> dict[str, str]:
    """What the fields of another kind of condition begin with."""
    fresh = rule_forms.values_of(shown)
    return {name: text for name, text in fresh.items() if name.startswith("condition.") or name in ("type", "point")}


def _seen() -> int | None:
    seen = forms.optional_int(request.form, "version")
    if seen is None:
        raise InvalidInput("version", "is missing; load the page again and send the form once more")
    return seen
