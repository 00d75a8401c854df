"""What a kiosk does for whoever stands before it: finds them, checks them in, or lets them join.

Nothing that it answers tells whether a patient number exists.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from appointments.enums import LinkKind
from appointments.models import AppointmentRequest, Kiosk, QueueEntry
from appointments.queue import kiosk_tries
from appointments.queue.errors import QueueClosedError, VisitNotExpectedError
from appointments.queue.links import locate
from appointments.queue.loads import loads_of, open_queues, shortest_first
from appointments.queue.reception import Finding, Turn, opens_at, todays_visit, turn_of
from appointments.queue.self_service import AT_KIOSK, SelfService
from core.clock import Clock, system_clock
from core.tenancy import current_tenant_id
from patients.models import PatientProfile

MAX_MRN = 32
MOST_LINES = 3
CODE = re.compile(r"(?:.*/check-in/)?([\w-]{40,64})(?:/[^/]*)?")


class Outcome(StrEnum):
    """How it ended; all but the first two send people to the desk."""

    TICKET = "ticket"
    SEAT = "seat"
    CLOSED = "closed"
    NOT_FOUND = "not_found"
    EARLY = "early"
    LATE = "late"
    NOT_HERE = "not_here"
    NONE_TODAY = "none_today"
    PAUSED = "locked"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Attributes:
        entry: of TICKET.
        opens_at: of EARLY.
        is_checked_in: whether the visit is, though there is no ticket.
        open_lines: names of queues of the site that take walk-ins, of CLOSED.
    """

    outcome: Outcome
    entry: QueueEntry | None = None
    opens_at: datetime | None = None
    is_checked_in: bool = False
    open_lines: tuple[str, ...] = ()


class KioskDesk:
    """One kiosk, in its tenant."""

    def __init__(self, kiosk: Kiosk, *, zone: ZoneInfo, clock: Clock = system_clock) -> None:
        self.kiosk, self.zone, self.clock = kiosk, zone, clock

    def check_in(self, *, mrn: str, birth_date: date | None) -> Answer:
        """For whoever says to have an appointment."""
        patient = self._find(mrn, birth_date)
        return self._for_visit(patient) if isinstance(patient, PatientProfile) else patient

    def walk_in(self, *, mrn: str, birth_date: date | None) -> Answer:
        """For whoever says to have none; a visit of theirs that is open counts all the same."""
        patient = self._find(mrn, birth_date)
        if not isinstance(patient, PatientProfile):
            return patient
        found = self._todays(patient)
        if found.finding == Finding.VISIT and found.visit is not None:
            return self._arrive(found.visit)
        queue = self.kiosk.walk_in_queue
        if queue is None:
            return Answer(Outcome.CLOSED, open_lines=self._open_lines())
        service = SelfService(clock=self.clock)
        try:
            return Answer(
                Outcome.TICKET, service.walk_in(queue, patient_id=patient.pk, reason=AT_KIOSK)
            )
        except QueueClosedError:
            return Answer(Outcome.CLOSED, open_lines=self._open_lines())

    def scan(self, text: str) -> Answer:
        """For whoever holds the code of an appointment's message under the scanner."""
        if kiosk_tries.is_kiosk_locked(self.kiosk.pk):
            return Answer(Outcome.PAUSED)
        code = CODE.fullmatch(text.strip())
        located = locate(LinkKind.CHECK_IN, code[1]) if code else None
        if located is None or located.tenant_id != current_tenant_id():
            kiosk_tries.note_wrong(self.kiosk.pk)
            return Answer(Outcome.NOT_FOUND)
        visit = AppointmentRequest.objects.filter(pk=located.target_id).first()
        if visit is None or visit.patient_id is None:
            return Answer(Outcome.NOT_FOUND)
        now = self.clock()
        if visit.site_id not in (self.kiosk.site_id, None):
            return Answer(Outcome.NOT_HERE)
        turn = turn_of(visit, now=now, zone=self.zone)
        if turn in (Turn.OPEN, Turn.HERE):
            return self._arrive(visit)
        if turn == Turn.EARLY and self._day(visit.scheduled_datetime) == self._day(now):
            return Answer(Outcome.EARLY, opens_at=opens_at(visit, zone=self.zone))
        is_todays = self._day(visit.scheduled_datetime) == self._day(now)
        return Answer(Outcome.LATE if is_todays else Outcome.NONE_TODAY)

    def _find(self, mrn: str, birth_date: date | None) -> PatientProfile | Answer:
        mrn = mrn.strip()[:MAX_MRN]
        if kiosk_tries.is_kiosk_locked(self.kiosk.pk):
            return Answer(Outcome.PAUSED)
        found = None
        if birth_date is not None and not kiosk_tries.is_number_locked(mrn):
            found = PatientProfile.objects.filter(
                mrn__in={mrn, mrn.upper()}, birth_date=birth_date, is_active=True
            ).first()
        if found is None:
            kiosk_tries.note_wrong(self.kiosk.pk, mrn)
            return Answer(Outcome.NOT_FOUND)
        return found

    def _todays(self, patient: PatientProfile):
        return todays_visit(
            patient.pk, site_id=self.kiosk.site_id, now=self.clock(), zone=self.zone
        )

    def _for_visit(self, patient: PatientProfile) -> Answer:
        found = self._todays(patient)
        if found.visit is None:
            return Answer(Outcome(found.finding.value))
        if found.finding == Finding.EARLY:
            return Answer(Outcome.EARLY, opens_at=opens_at(found.visit, zone=self.zone))
        return self._arrive(found.visit)

    def _arrive(self, visit: AppointmentRequest) -> Answer:
        try:
            arrival = SelfService(clock=self.clock).check_in(visit.pk, reason=AT_KIOSK)
        except VisitNotExpectedError:
            return Answer(Outcome.LATE)
        if arrival.entry is not None:
            return Answer(Outcome.TICKET, arrival.entry)
        outcome = Outcome.CLOSED if arrival.is_closed else Outcome.SEAT
        return Answer(outcome, is_checked_in=True)

    def _open_lines(self) -> tuple[str, ...]:
        """Names of other queues of the kiosk's site that take walk-ins now, the shortest first."""
        found = open_queues(site_id=self.kiosk.site_id, now=self.clock(), zone=self.zone)
        others = {each.pk: each for each in found if each.pk != self.kiosk.walk_in_queue_id}
        loads = shortest_first(loads_of(list(others.values())))
        return tuple(others[load.queue_id].name for load in loads[:MOST_LINES])

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()
