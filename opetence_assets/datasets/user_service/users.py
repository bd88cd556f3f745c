"""One row per registered user and state: silver keeps every version, for who was in which segment when.

The same person may register twice with another spelling of one e-mail; both rows stay, their digests agree.
A handful of birth dates are from 1850: somebody's default.
"""

from datetime import date

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Completeness, Dataset, Grade, Pii, Subject, Utc, Watch
from opetence_assets.datasets.user_service import LAG, user_service

ONE_AT = r"[^@]+@[^@]+$"
OLDEST = date(1900, 1, 1)


class User(pa.DataFrameModel):
    user_id: pl.Int64
    email: pl.String = pa.Field(str_matches=ONE_AT, metadata={"pii": Pii.HASH})
    phone: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.MASK})
    full_name: pl.String = pa.Field(metadata={"pii": Pii.SEAL})
    national_id: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.REDACT})
    birth_date: pl.Date = pa.Field(nullable=True, ge=OLDEST, metadata={"pii": Pii.YEAR})
    segment: pl.String = pa.Field(isin=["new", "regular", "vip", "dormant"])
    is_test: pl.Boolean
    created_at: Utc
    updated_at: Utc


users = Dataset(
    feed=user_service.table("users", lag=LAG),
    key=("user_id",),
    cursor="updated_at",
    schema=User,
    subject=Subject("user", "user_id"),
    history=True,
    rules={"born in the future": pl.col("birth_year") <= pl.col("_loaded_at").dt.year()},
    grades={"email: str_matches": Grade(up_to=0.05), "birth_date: greater_than_or_equal_to": Grade(up_to=0.05)},
    completeness=Completeness(null_rate_at_most={"phone_masked": 0.05}),
    watch=Watch(day="created_at"),
    owner="team:users",
)
