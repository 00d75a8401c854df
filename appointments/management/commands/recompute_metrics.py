"""Compute the stored figures of past days anew, such as after an import or a restored backup."""

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointments.scheduling.metrics import recompute
from core.models import Tenant
from core.tenancy import tenant

FIRST_YEAR, LAST_YEAR = 1900, 2200


def day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is no date such as 2030-01-31.") from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ArgumentTypeError(f"{text} is out of range.")
    return found


class Command(BaseCommand):
    help = "Compute each provider's stored figures of these days anew, in every active tenant."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=day, required=True, help="first day")
        parser.add_argument("--to", dest="last", type=day, required=True, help="last day, included")
        parser.add_argument("--tenant", metavar="SLUG", help="only this tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last, slug = options["first"], options["last"], options["tenant"]
        if last < first:
            raise CommandError("--to must not be before --from.")
        tenants = Tenant.objects.filter(is_active=True).order_by("slug")
        if slug:
            tenants = tenants.filter(slug=slug)
            if not tenants:
                raise CommandError(f"There is no active tenant {slug}.")
        for each in tenants:
            with tenant(each.pk):
                count = recompute(first, last)
            self.stdout.write(f"{each.slug}: {count} providers' days")
