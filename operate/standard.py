"""The case standard from the shell: list it, load a spreadsheet, write one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from operate.plates import at_the_shell, now, records


def list_standard(config: Path | None, *, with_retired: bool, as_json: bool) -> Iterator[str]:
    """Every line of the city's standard: key, limits, what is wrong."""
    from registry.domain.case_standard import written
    from registry.queries.standard import standard_of

    engine, _ = records(config)
    lines = [line for line in standard_of(engine) if with_retired or not line.retired]
    engine.dispose()
    if as_json:
        yield json.dumps({"lines": msgspec.to_builtins(lines)}, ensure_ascii=False)
        return
    for line in lines:
        limits = ", ".join(
            f"{each.step.value}{f'@{each.season}' if each.season else ''}{f'/{each.grade}' if each.grade else ''} "
            f"{written(each.limit)}"
            for each in line.limits
        )
        yield f"{'-' if line.retired else ' '} {line.key:<24} v{line.version:<3} {line.name_zh}  {limits}"


def load_standard_file(config: Path | None, file: Path, *, dry_run: bool, as_json: bool) -> tuple[list[str], bool]:
    """What loading ``file`` did or would do, a line each, and whether every row could be used."""
    from registry.services.standard_files import import_standard

    engine, _ = records(config)
    try:
        report = import_standard(engine, file, by=at_the_shell(), now=now(), check_only=dry_run)
    finally:
        engine.dispose()
    problems = [{"row": each.row, "field": each.error.field, "problem": each.error.problem} for each in report.problems]
    if as_json:
        told = {
            "written": report.written,
            "rows": report.rows,
            "added": list(report.added),
            "changed": list(report.changed),
            "unchanged": report.unchanged,
            "problems": problems,
        }
        return [json.dumps(told, ensure_ascii=False)], not problems
    lines = [f"row {each['row']}: {each['field']}: {each['problem']}" for each in problems]
    done = "written" if report.written else "nothing written"
    lines.append(
        f"{report.rows} rows: {len(report.added)} new, {len(report.changed)} changed, {report.unchanged} unchanged, "
        f"{len(problems)} with problems; {done}"
    )
    return lines, not problems


def write_standard(config: Path | None, out: Path) -> str:
    """Write the standard as CSV or XLSX, by the name's ending."""
    from registry.queries.standard import standard_of
    from registry.tabular.standard_table import as_csv, as_xlsx

    engine, _ = records(config)
    lines = list(standard_of(engine))
    engine.dispose()
    out.write_bytes(as_xlsx(lines) if out.suffix.lower() == ".xlsx" else as_csv(lines))
    return f"{len(lines)} lines in {out}"
