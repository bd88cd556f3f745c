"""Hot, warm and cold by age: the rules by which S3 itself moves the store's objects to cheaper classes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from opetence_assets.backup.locks import bucket_of, client_of
from opetence_assets.backup.objects import FOLDER
from opetence_assets.backup.policy import Policy
from opetence_assets.lake.places import Lake

OWN = "opetence-"  # rules of these names are ours; the bucket may have others
HIDDEN_DAYS = 30  # a hidden version goes after this, or after its lock if that is later


def lifecycle(policy: Policy, store: Lake) -> list[dict[str, Any]]:
    """The rules of the store's bucket: S3's own format."""
    _, prefix = bucket_of(store)
    moves = [{"Days": one.days, "StorageClass": one.storage_class} for one in policy.tiers]
    enabled = {"Status": "Enabled"}
    return [
        {"ID": f"{OWN}tiers", "Filter": {"Prefix": f"{prefix}{FOLDER}/"}, "Transitions": moves, **enabled},
        {
            "ID": f"{OWN}hidden",
            "Filter": {"Prefix": prefix},
            "NoncurrentVersionExpiration": {"NoncurrentDays": HIDDEN_DAYS},
            **enabled,
        },
    ]


def applied(policy: Policy, store: Lake) -> list[dict[str, Any]]:
    """Writes the rules into the bucket's configuration, others' rules kept; returns all of them."""
    from botocore.exceptions import ClientError

    bucket, _ = bucket_of(store)
    with closing(client_of(store)) as client:
        try:
            found = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
                raise
            found = []
        rules = [*(rule for rule in found if not rule.get("ID", "").startswith(OWN)), *lifecycle(policy, store)]
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    return rules
