"""Writes a demonstration hospital's queues, and what stands in their halls."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from random import Random

from accounts.models import User
from appointments.management.demo.bulk import insert
from appointments.management.demo.hospitals import Hospital, Line
from appointments.management.demo.queue_past import (
    DAYS,
    calibrations,
    hours,
    visits_past,
    walk_in_past,
)
from appointments.management.demo.waiting import number, queue_of_visits, ranks, steps, walk_ins
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    DisplayQueue,
    DisplayScreen,
    Kiosk,
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    TicketCounter,
    WaitingQueue,
)
from core.models import Site, Tenant
from patients.models import PatientProfile

GREETING = "Please have your insurance card ready."


class Halls:
    """The lines of one hospital: three weeks of them, and today in mid-flow."""

    def __init__(
        self,
        hospital: Hospital,
        tenant: Tenant,
        *,
        sites: Sequence[Site],
        providers: Sequence[User],
        kinds: Sequence[AppointmentTemplate],
        patients: Sequence[PatientProfile],
        visits: Sequence[AppointmentRequest],
        now: datetime,
        rng: Random,
    ) -> None:
        self.hospital, self.tenant, self.sites, self.providers = hospital, tenant, sites, providers
        self.kinds, self.patients, self.visits = kinds, patients, visits
        self.now, self.rng = now, rng
        self.today = now.astimezone(tenant.zone_info).date()

    def run(self) -> None:
        queues = insert(
            WaitingQueue(
                tenant=self.tenant,
                name=line.name,
                prefix=line.prefix,
                site=self.sites[line.place],
            )
            for line in self.hospital.lines
        )
        here = {
            row.patient_id
            for row in self.visits
            if row.scheduled_datetime.astimezone(self.tenant.zone_info).date() == self.today
        }
        others = [patient for patient in self.patients if patient.pk not in here]
        self.rng.shuffle(others)
        insert(QueueConfiguration(tenant=self.tenant, queue=queue) for queue in queues)
        for queue, line in zip(queues, self.hospital.lines, strict=True):
            points = self._points(queue, line)
            given: Counter[date] = Counter()  # tickets, by day
            past = insert(self._past(queue, line.provider, points, given))
            joining = self._entries(queue, line.provider, points, others)
            entries = insert(number(queue, joining, zone=self.tenant.zone_info, given=given))
            insert(ranks(queue, entries))
            events = insert(sorted(steps([*past, *entries]), key=lambda event: event.at))
            self._queue_figures(queue, past, events)
            last = given[self.today]
            insert([TicketCounter(tenant=self.tenant, queue=queue, date=self.today, last=last)])
        self._furnish(queues)

    def _furnish(self, queues: Sequence[WaitingQueue]) -> None:
        """A screen and a kiosk in the first hall; their addresses are shown in their panels."""
        hall = self.sites[0]
        here = [queue for queue in queues if queue.site == hall]
        screen = insert(
            [
                DisplayScreen(
                    tenant=self.tenant,
                    name="Hall",
                    site=hall,
                    message=GREETING,
                    languages=list(self.hospital.spoken),
                )
            ]
        )[0]
        insert(DisplayQueue(tenant=self.tenant, display=screen, queue=queue) for queue in here)
        insert([Kiosk(tenant=self.tenant, name="Entrance", site=hall, walk_in_queue=here[-1])])

    def _past(
        self,
        queue: WaitingQueue,
        index: int | None,
        points: list[ServicePoint],
        given: Counter[date],
    ) -> list[QueueEntry]:
        how = {"zone": self.tenant.zone_info, "rng": self.rng, "given": given}
        if index is None:
            kinds = [kind for kind in self.kinds if not kind.resource_kind]
            return list(walk_in_past(queue, points, self.patients, kinds, today=self.today, **how))
        first = datetime.combine(self.today, time.min, tzinfo=self.tenant.zone_info)
        own = [
            visit
            for visit in self.visits
            if visit.provider_id == self.providers[index].pk
            and visit.checked_in_at is not None
            and first - timedelta(days=DAYS) <= visit.scheduled_datetime < first
        ]
        return list(visits_past(queue, own, points[0], **how))

    def _queue_figures(
        self, queue: WaitingQueue, past: list[QueueEntry], events: list[QueueEvent]
    ) -> None:
        first = self.today - timedelta(days=DAYS)
        insert(hours(queue, events, first, zone=self.tenant.zone_info, now=self.now))
        insert(calibrations(queue, past, now=self.now))

    def _points(self, queue: WaitingQueue, line: Line) -> list[ServicePoint]:
        """The doctor's room, or the line's counters."""
        doctor = None if line.provider is None else self.providers[line.provider]
        if doctor is not None:
            insert([QueueProvider(tenant=self.tenant, queue=queue, provider=doctor)])
        points = insert(
            ServicePoint(tenant=self.tenant, name=name, site=queue.site, provider=doctor)
            for name in line.points
        )
        insert(ServicePointQueue(tenant=self.tenant, point=point, queue=queue) for point in points)
        return points

    def _entries(
        self,
        queue: WaitingQueue,
        index: int | None,
        points: list[ServicePoint],
        others: list[PatientProfile],
    ) -> list[QueueEntry]:
        """Takes from ``others`` whoever joins, so that nobody stands in two queues."""
        own: list[QueueEntry] = []
        if index is not None:
            provider, zone = self.providers[index], self.tenant.zone_info
            today = [
                row
                for row in self.visits
                if row.provider_id == provider.pk
                and row.scheduled_datetime.astimezone(zone).date() == self.today
            ]
            own = list(queue_of_visits(queue, today, points[0]))
        joining = list(
            walk_ins(
                queue,
                others,
                now=self.now,
                rng=self.rng,
                points=points,
                waiting_only=bool(own),
            )
        )
        del others[: len(joining)]
        return own + joining
