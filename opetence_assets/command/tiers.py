"""``opetence backup tiers``: which class an object of the store is in, by its age."""

from __future__ import annotations

from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption


def tiers(
    apply: Annotated[bool, typer.Option("--apply", help="write them into the bucket's configuration")] = False,
    json: JsonOption = False,
) -> None:
    """The lifecycle rules of the store's bucket that the policy asks for; in a folder nothing moves."""
    from opetence_assets.backup import tiers as of
    from opetence_assets.backup.copies import policy_for, store_of
    from opetence_assets.settings import read_settings

    settings = read_settings()
    policy, store = policy_for(settings), store_of(settings)
    if store.is_local:
        emit({"moves": [], "store": store.uri}, as_json=json, table={"store": [store.uri], "moves": ["nothing moves"]})
        return
    rules = of.applied(policy, store) if apply else of.lifecycle(policy, store)
    names = [("hot", "at once", "STANDARD"), *((one.name, str(one.days), one.storage_class) for one in policy.tiers)]
    emit(
        {"rules": rules, "applied": apply},
        as_json=json,
        table={
            "tier": [name for name, _, _ in names],
            "after days": [after for _, after, _ in names],
            "class": [kind for _, _, kind in names],
        },
        title=f"{store.uri}: {'written' if apply else 'not written; to do it: opetence backup tiers --apply'}",
    )
