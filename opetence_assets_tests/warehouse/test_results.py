"""What a build's results may say: that a personal value was found, and where; never which."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pytest

from opetence_assets.warehouse.models import Model
from opetence_assets.warehouse.results import ModelRun, model_runs, personal_runs

COLUMNS = {"id": "bigint", "note": "varchar"}
WHOLE = Model("whole", None, COLUMNS, ("id",), True, (), (), "")
DAILY = Model("daily", "day", COLUMNS, ("id",), True, (), (), "")
KEPT = Model("kept", None, COLUMNS, ("id",), True, (), (), "")
STEP = Model("step", None, COLUMNS, ("id",), False, (), (), "")


def test_a_personal_value_in_gold_is_found_before_it_is_published() -> None:
    with duckdb.connect() as con:
        con.execute("create schema gold; create schema fresh")
        con.execute("create table gold.whole as select 1 as id, 'ask jane@example.org twice' as note")
        con.execute(
            "create table fresh.daily as select 1 as id, 'nothing 10.1.2.0/24' as note union all select 2, null"
        )
        runs = [ModelRun(name, "success", 0.0, 1, "") for name in ("whole", "daily", "step")]
        found, clean = personal_runs(con, (WHOLE, DAILY, KEPT, STEP), runs)

    assert (found.model, found.status, found.severity, found.failures) == ("whole", "fail", "error", 1)
    assert found.message == "1 e-mail in gold/whole.note"
    assert (clean.model, clean.status, clean.message) == ("daily", "pass", "")


@pytest.mark.parametrize(
    "value", ["jane@example.org", "O'Brien, jane@example.org", "two\nlines of Zaphod", 'a "quoted" Zaphod']
)
def test_an_error_of_the_engine_tells_no_value(value: str) -> None:
    with duckdb.connect() as con:
        with pytest.raises(duckdb.Error) as raised:
            con.execute("select cast(? as integer)", [value]).fetchall()
        node = SimpleNamespace(resource_type="model", name="whole")
        result = SimpleNamespace(node=node, status="error", message=str(raised.value), execution_time=0.0)
        (run,) = model_runs(con, [result])

    assert run.message.startswith("Conversion Error: Could not convert string")
    assert not [part for part in ("jane", "Zaphod", "Brien") if part in run.message]
