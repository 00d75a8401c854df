"""``migrate`` as the database's owner, then the application role's rights."""

from typing import Any

from django.core.management.commands import migrate

from core.roles import ensure_app_role, grant_app_role


class Command(migrate.Command):
    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_app_role()
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            grant_app_role()
