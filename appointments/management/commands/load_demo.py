"""Fill the database with two demonstration hospitals, or with data in bulk for measurements."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointments.management.demo import load, logins, volume
from appointments.management.demo.hospitals import HOSPITALS
from core.clock import system_clock
from core.models import Tenant

DEFAULT_SEED = 2026


class Command(BaseCommand):
    help = "Load the two demonstration hospitals; with a size option, generated tenants instead."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--seed", type=int, default=DEFAULT_SEED, help="for other names and numbers"
        )
        sizes = parser.add_argument_group("generated tenants", "one of these is enough to ask")
        for name, meaning in volume.OPTIONS.items():
            sizes.add_argument(f"--{name}", type=int, metavar="N", help=meaning)

    def handle(self, *args: Any, **options: Any) -> None:
        given = {name: options[name] for name in volume.OPTIONS if options[name] is not None}
        if given:
            self._generate(given, options["seed"])
        else:
            self._load(options["seed"])

    def _load(self, seed: int) -> None:
        refuse_existing([hospital.slug for hospital in HOSPITALS])
        load.load_demo(now=system_clock(), seed=seed)
        self.stdout.write(logins.announcement())

    def _generate(self, given: dict[str, int], seed: int) -> None:
        try:
            size = volume.Size(**given)
        except volume.SizeError as error:
            raise CommandError(str(error)) from error
        refuse_existing(size.slugs)
        figures = volume.generate(size, now=system_clock(), seed=seed, progress=self.stderr)
        self.stdout.write(figures)


def refuse_existing(slugs: list[str]) -> None:
    found = Tenant.objects.filter(slug__in=slugs).values_list("slug", flat=True)
    if found:
        raise CommandError(
            f"Already in this database: {', '.join(sorted(found))}. Nothing was changed; "
            "for a fresh demo start with an empty DATA_DIR or DATABASE_URL."
        )
