"""Compute the stored hours of queues anew, such as after an import or a restored backup."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointments.management.commands.recompute_metrics import day
from appointments.models import WaitingQueue
from appointments.queue.metrics import rebuild
from core.models import Tenant
from core.tenancy import tenant


class Command(BaseCommand):
    help = "Compute the stored figures of each queue's hours anew, in every active tenant."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=day, required=True, help="first day")
        parser.add_argument("--to", dest="last", type=day, required=True, help="last day, included")
        parser.add_argument("--tenant", metavar="SLUG", help="only this tenant")
        parser.add_argument("--queue", type=int, metavar="KEY", help="only this queue")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"]
        if last < first:
            raise CommandError("--to must not be before --from.")
        tenants = Tenant.objects.filter(is_active=True).order_by("slug")
        if slug := options["tenant"]:
            tenants = tenants.filter(slug=slug)
            if not tenants:
                raise CommandError(f"There is no active tenant {slug}.")
        for each in tenants:
            with tenant(each.pk):
                queues = WaitingQueue.objects.all()
                if options["queue"]:
                    queues = queues.filter(pk=options["queue"])
                keys = list(queues.values_list("pk", flat=True))
                count = rebuild(each, first, last, queue_ids=keys)
            self.stdout.write(f"{each.slug}: {count} hours")
