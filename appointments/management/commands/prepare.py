"""Bring the database to the state the code expects; load the demo into an empty one."""

import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from appointments.management.demo import logins
from appointments.tasks import extend_availability_soon
from core.models import Tenant


class Command(BaseCommand):
    help = (
        "Migrate, load the demo into an empty database (unless LOAD_DEMO=0), and say how to log "
        "in where the demo was loaded."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        if os.environ.get("LOAD_DEMO", "1") != "0" and not Tenant.objects.exists():
            self.stdout.write("Loading the demo")
            call_command("load_demo", stdout=self.stdout)
        elif logins.are_loaded():
            self.stdout.write(logins.announcement())
        extend_availability_soon()
