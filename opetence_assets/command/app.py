"""The command's tree; each subcommand lives in the file of its name."""

from __future__ import annotations

import typer

from opetence_assets.command import (
    backups,
    plan,
    postgres,
    quarantine,
    rebuild,
    recovery,
    release,
    report,
    run,
    sandbox,
    scaffold,
    sql,
    status,
    ui,
    webhooks,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Opetence, the declarative data platform.",
)
app.command("run")(run.run)
app.command("status")(status.status)
app.command("plan")(plan.plan)
app.command("rebuild")(rebuild.rebuild)
app.command("query")(sql.query)
app.add_typer(backups.app, name="backup")
app.command("restore")(recovery.restore)
app.add_typer(postgres.app, name="postgres")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(release.app, name="release")
app.command("report")(report.report)
app.add_typer(sandbox.app, name="sandbox")
app.command("new-dataset")(scaffold.new_dataset)
app.command("ui")(ui.ui)
app.command("webhooks")(webhooks.webhooks)
