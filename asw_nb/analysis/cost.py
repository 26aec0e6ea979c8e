"""What executions would cost in the cloud: an estimate, and it says so.

The clouds charge per state transition. One is counted for every state that is entered and for every retry, as the price page of AWS
Step Functions describes it; what the functions themselves cost, free quotas, Express workflows and taxes are left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asw_nb.analysis.chart import TABLE_ROWS, small_table
from asw_nb.analysis.figure import Html, html_text
from asw_nb.analysis.tables import COUNT, SECONDS, TEXT, frame
from asw_nb.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas

PRICES: dict[str, float] = {
    "us-east-1": 0.025, "us-east-2": 0.025, "us-west-1": 0.0279, "us-west-2": 0.025, "ca-central-1": 0.025, "sa-east-1": 0.0375, "eu-west-1": 0.025,
    "eu-central-1": 0.025, "eu-west-2": 0.025, "eu-west-3": 0.0297, "eu-north-1": 0.025, "ap-southeast-1": 0.025, "ap-northeast-1": 0.025,
    "ap-southeast-2": 0.025, "ap-northeast-2": 0.0271, "ap-south-1": 0.0285,
}  # fmt: skip
"""US dollars for 1,000 transitions of a Standard workflow of AWS Step Functions, by region, as its price page listed them."""

COST: dict[str, str] = {"workflow": TEXT, "executions": COUNT, "transitions": COUNT, "retries": COUNT, "cost": SECONDS, "cost_per_execution": SECONDS}


class Estimate(Html):
    """An estimated cost.

    Attributes
    ----------
    table : DataFrame
        One row per workflow: workflow, executions, transitions (retries are among them), retries, cost, cost_per_execution.
    total : float
    currency : str
    note : str
        What the estimate holds, and what it leaves out.
    """

    def __init__(self, table: pandas.DataFrame, price: float, currency: str, source: str) -> None:
        self.table, self.currency = table, currency
        self.total = float(table["cost"].sum())
        transitions = int(table["transitions"].sum())
        self.note = (
            f"Estimate: {transitions:,} state transitions at {price:g} {currency} per 1,000 ({source}). One for each state entered and each retry; "
            "functions, free quotas and taxes are not in it. Your bill decides."
        )
        text = f"asw cost estimate | about {money(self.total)} {currency} for {transitions:,} state transitions"
        html = (
            f"<div><p><b>about {money(self.total)} {html_text(currency)}</b>, an estimate</p>{small_table(table, TABLE_ROWS)}"
            f'<p style="font-size:12px">{html_text(self.note)}</p></div>'
        )
        super().__init__(html, text)


def money(amount: float) -> str:
    """An amount with as many digits as tell something.

    Examples
    --------
    >>> money(0), money(0.0000251), money(12.3456)
    ('0', '0.000025', '12.35')
    """
    if amount == 0:
        return "0"
    digits = max(2, 1 - math.floor(math.log10(abs(amount))))
    return f"{amount:,.{digits}f}"


def estimate(states: pandas.DataFrame, workflows: dict[str, str], price: float | None, currency: str, region: str) -> Estimate:
    """The cost of the executions whose visits these are."""
    source = "your price"
    if price is None:
        if region not in PRICES:
            raise UsageError(f'region="{region}" has no price here.{did_you_mean(region, PRICES)} Give one: cost(price=0.025, currency="USD") for 1,000 transitions.')
        if currency != "USD":
            raise UsageError(f'the price list is in USD: give a price in {currency} for 1,000 transitions with price=.')
        price, source = PRICES[region], f"AWS Step Functions Standard, {region}"
    elif isinstance(price, bool) or not isinstance(price, (int, float)) or not 0 <= price < math.inf:
        raise UsageError(f"price={price!r} must be a number: what 1,000 state transitions cost.")
    rows = [_row(workflow, [e for e, w in workflows.items() if w == workflow], states, price) for workflow in sorted(set(workflows.values()))]
    return Estimate(frame(COST, rows), price, currency, source)


def _row(workflow: str, executions: Sequence[str], states: pandas.DataFrame, price: float) -> tuple[str, int, int, int, float, float]:
    visits = states[states["execution"].isin(executions)]
    retries = int((visits["attempts"] - 1).clip(lower=0).sum())
    transitions = len(visits) + retries
    cost = transitions * price / 1000
    return workflow, len(executions), transitions, retries, cost, cost / len(executions)


__all__ = ["COST", "PRICES", "Estimate", "estimate", "money"]
