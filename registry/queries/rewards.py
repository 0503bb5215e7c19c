"""Reading the payout ledger: its lines, what a month has promised and paid, and the list for whoever pays."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, func, select

from registry.domain.kinds import RewardState
from registry.domain.report_numbers import report_number
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import case, report, reward, user

COLUMNS = (
    "受理号",
    "案件编号",
    "联系方式",
    "姓名",
    "月份",
    "标准（元）",
    "金额（元）",
    "封顶",
    "状态",
    "审核人",
    "发放凭证",
)
_CAPS = {"": "", "person": "个人月封顶", "month": "全市月封顶"}
_STATES = {"proposed": "待审核", "approved": "待发放", "refused": "不予奖励", "paid": "已发放"}


class RewardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger. Money in fen; ``cap`` says which cap cut it ("person", "month" or "")."""

    id: int
    report_id: int
    case_id: int
    case_number: str
    kind: str
    contact: str
    reporter: str
    month: str
    tariff_fen: int
    amount_fen: int
    cap: str
    state: RewardState
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: int | None
    decided_by_name: str | None
    decided_note: str
    paid_at: datetime | None
    paid_by_name: str | None
    paid_note: str
    version: int

    @property
    def report_number(self) -> str:
        """What the report is called."""
        return report_number(self.report_id)


class MonthOfRewards(msgspec.Struct, frozen=True, kw_only=True):
    """What a month comes to, in fen and lines, by state."""

    month: str
    fen: dict[str, int]
    lines: dict[str, int]


def list_rewards(
    engine: Engine,
    *,
    state: RewardState | None = None,
    month: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[RewardRow]:
    """Lines of the ledger, the newest first."""
    statement = _rows().order_by(reward.c.id.desc()).limit(check_limit(limit) + 1)
    if state is not None:
        statement = statement.where(reward.c.state == state.value)
    if month:
        statement = statement.where(reward.c.month == month)
    if after is not None:
        statement = statement.where(reward.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = [as_view(row._mapping, RewardRow) for row in tx.execute(statement)]
    return page_of(rows, limit, lambda row: (row.id,))


def month_of_rewards(engine: Engine, month: str) -> MonthOfRewards:
    """The sums of a month."""
    sums = select(reward.c.state, func.sum(reward.c.amount_fen).label("fen"), func.count().label("lines"))
    with reading(engine) as tx:
        rows = tx.execute(sums.where(reward.c.month == month).group_by(reward.c.state)).all()
    return MonthOfRewards(
        month=month, fen={row.state: int(row.fen) for row in rows}, lines={row.state: int(row.lines) for row in rows}
    )


def rewards_csv(engine: Engine, month: str) -> Iterator[bytes]:
    """The ledger of a month for whoever pays: UTF-8 with its mark, for spreadsheets; no cell can be a formula."""
    statement = _rows().where(reward.c.month == month).order_by(reward.c.id)
    with reading(engine) as tx:
        rows = [as_view(row._mapping, RewardRow) for row in tx.execute(statement)]
    yield "\ufeff".encode()
    yield _line(COLUMNS)
    for row in rows:
        cells = (row.report_number, row.case_number, row.contact, row.reporter, row.month)
        money = (f"{row.tariff_fen / 100:.2f}", f"{row.amount_fen / 100:.2f}", _CAPS[row.cap], _STATES[row.state])
        yield _line((*cells, *money, row.decided_by_name or "", row.paid_note))


def _line(cells: tuple[str, ...]) -> bytes:
    written = io.StringIO()
    # a cell that begins like a formula would be run by a spreadsheet
    csv.writer(written).writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell for cell in cells])
    return written.getvalue().encode()


def _rows() -> Select[Any]:
    decider, payer = user.alias("decider"), user.alias("payer")
    return (
        select(
            reward,
            case.c.number.label("case_number"),
            case.c.kind,
            report.c.contact,
            report.c.reporter,
            decider.c.name.label("decided_by_name"),
            payer.c.name.label("paid_by_name"),
        )
        .join_from(reward, report, report.c.id == reward.c.report_id)
        .join(case, case.c.id == reward.c.case_id)
        .outerjoin(decider, decider.c.id == reward.c.decided_by)
        .outerjoin(payer, payer.c.id == reward.c.paid_by)
    )
