"""What the control database keeps in two times: when a fact holds, and when it was learned.

Imported rows; events; what a cycle leaves to the next ones (values of quantities, balances of banks); called events
and interval prices that tariffs take from outside; edits of reads; decisions about findings; rule sets of VEE; what
was decided about bills before a run was published; what people say of differences from a legacy system; postings that
are no bill, and the chart of accounts.
"""

from __future__ import annotations

import pandera.polars as pa

from model.accounts import IMPORTED
from model.decisions import DECISIONS
from model.edits import EDITS
from model.events import EVENTS
from model.feeds import FEEDS
from model.parallel import SAID
from model.postings import POSTED
from model.rating import BankBalances, History
from model.reads import RULES
from model.review import REVIEW
from model.schema import create_table_sql

# What publishing a run records, for the cycles that follow.
CARRIED: dict[str, type[pa.DataFrameModel]] = {"quantity_history": History, "bank_balance": BankBalances}

FACTS: dict[str, type[pa.DataFrameModel]] = (
    IMPORTED | EVENTS | CARRIED | FEEDS | EDITS | RULES | DECISIONS | REVIEW | SAID | POSTED
)


def fact_table_sql(name: str) -> str:
    """Return the DDL of a table of facts: its columns, when a row was learned, and until when it was held true."""
    columns = create_table_sql(FACTS[name], name).removesuffix("\n)")
    return columns + ',\n    "recorded_at" TIMESTAMPTZ NOT NULL,\n    "superseded_at" TIMESTAMPTZ\n)'
