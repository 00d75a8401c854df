"""What staff should look at: opened once, closed by itself when it is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from accounts.models import User
from accounts.permissions import Permission, Role, check
from appointments.enums import QueueAlertKind, QueueEntryStatus
from appointments.models import QueueAlert, QueueConfiguration, QueueEntry, WaitingQueue
from appointments.permissions import visible_queues
from core import pulse
from core.clock import Clock, system_clock
from core.db import insert_unless_conflict
from core.errors import NotFoundError
from core.lifecycle import CRASHES
from core.lookups import MAX_KEY
from core.models import Tenant

MINUTES = 5
LOST_SHARE, LOST_AT_LEAST = 0.10, 3
SLOW_AT_LEAST = 5
QUIET = timedelta(hours=1)
"""One mail about the same thing in that time, however often it comes and goes."""

Kind = QueueAlertKind
OWED_SINCE = Greatest("arrived_at", Coalesce("appointment__scheduled_datetime", "arrived_at"))
"""Whoever comes early waits from the booked time on; being sent on does not begin it anew."""

Cause = tuple[str, int | None]
"""A kind of alert, and the queue, or None for the whole installation."""


def sockets_seen(tenant_id: int) -> str:
    """What ``core.pulse`` counts each open socket of the tenant as, once a minute."""
    return f"sockets:{tenant_id}"


def sockets_lost(tenant_id: int) -> str:
    """What it counts each socket as that ended without having been closed."""
    return f"sockets-lost:{tenant_id}"


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    body: str
    to: list[str]


def look(own: Tenant, *, clock: Clock = system_clock) -> list[int]:
    """Open and close the tenant's alerts by how things are now.

    Returns:
        Keys of those that somebody should be mailed about.
    """
    now = clock()
    causes, unknown = _of_queues(now), set()
    for kind, detail in _of_installation(own.pk, now).items():
        if detail is None:
            unknown.add(kind)
        elif detail:
            causes[kind, None] = detail
    still = QueueAlert.objects.filter(closed_at=None)
    present = {(each.kind, each.queue_id): each for each in still}
    for cause in causes.keys() - present.keys():
        kind, queue_id = cause
        insert_unless_conflict(
            QueueAlert(
                tenant_id=own.pk, kind=kind, queue_id=queue_id, detail=causes[cause], opened_at=now
            )
        )
    over = [
        each.pk
        for cause, each in present.items()
        if cause not in causes and each.kind not in unknown
    ]
    if over:
        QueueAlert.objects.filter(pk__in=over, closed_at=None).update(closed_at=now)
    return _to_mail(now)


def claim_mail(alert_id: int, *, clock: Clock = system_clock) -> Mail | None:
    """The mail about an alert, for whoever asks first: it is sent at most once."""
    now = clock()
    waiting = QueueAlert.objects.filter(pk=alert_id, notified_at=None)
    if not waiting.update(notified_at=now):
        return None
    alert = QueueAlert.objects.select_related("queue", "tenant").get(pk=alert_id)
    own: Tenant = alert.tenant
    to = _recipients(own)
    if not to:
        return None
    where = alert.queue.name if alert.queue else own.name
    since = alert.opened_at.astimezone(own.zone_info)
    label = str(QueueAlertKind(alert.kind).label)
    body = (
        f"{label}.\n\n{where}, since {since:%H:%M} on {since:%d %B %Y}.\n{alert.detail}\n\n"
        "Open Queues, then Alerts, to see it. This mail is sent once.\n"
    )
    return Mail(" ".join(f"{where}: {label}".split()), body, to)


def _recipients(own: Tenant) -> list[str]:
    """The hospital's address or, where it has none, those of its managers and administrators."""
    if own.email:
        return [own.email]
    leading = User.objects.filter(is_active=True, role__in=(Role.MANAGER, Role.TENANT_ADMIN))
    return sorted(set(leading.exclude(email="").values_list("email", flat=True)))


def visible_alerts(user: User) -> QuerySet[QueueAlert]:
    """The installation's, and those of queues that the user may see; newest first."""
    own = Q(queue=None) | Q(queue__in=visible_queues(user))
    return QueueAlert.objects.filter(own).select_related("queue").order_by("-opened_at", "-pk")


def open_alerts(user: User) -> QuerySet[QueueAlert]:
    return visible_alerts(user).filter(closed_at=None)


def mark_seen(user: User, alert_id: int, *, clock: Clock = system_clock) -> QueueAlert:
    """Remember who saw it first.

    Raises:
        NotAllowedError: the role may not run queues.
        NotFoundError: there is no such alert, or it is not the user's to see.
    """
    check(user, Permission.RUN_QUEUES)
    alert = visible_alerts(user).filter(pk=min(alert_id, MAX_KEY)).first()
    if alert is None:
        raise NotFoundError("There is no such alert.")
    unseen = QueueAlert.objects.filter(pk=alert.pk, seen_at=None)
    unseen.update(seen_at=clock(), seen_by_id=user.pk)
    return alert


def _of_queues(now: datetime) -> dict[Cause, str]:
    """Long waits and queues that are nearly full; three statements."""
    waiting = Q(status=QueueEntryStatus.WAITING)
    lines = {
        row["queue"]: row
        for row in QueueEntry.objects.filter(waiting, queue__is_active=True)
        .values("queue")
        .annotate(size=Count("pk"), oldest=Min(OWED_SINCE))
    }
    configurations = {
        each.queue_id: each for each in QueueConfiguration.objects.filter(queue__in=lines)
    }
    found: dict[Cause, str] = {}
    for queue in WaitingQueue.objects.filter(pk__in=lines):
        rules = configurations.get(queue.pk) or QueueConfiguration(queue=queue)
        line = lines[queue.pk]
        waited = (now - line["oldest"]).total_seconds() / 60
        if waited > rules.alert_wait_minutes:
            found[Kind.LONG_WAIT, queue.pk] = (
                f"Longer than {rules.alert_wait_minutes} minutes; {line['size']} are waiting."
            )
        if line["size"] / queue.max_queue_size >= rules.load_red:
            found[Kind.LOAD_RED, queue.pk] = (
                f"{line['size']} of {queue.max_queue_size} places are taken."
            )
    return found


def _of_installation(tenant_id: int, now: datetime) -> dict[str, str | None]:
    """By kind: what is wrong, empty if nothing is, None if it cannot be known now."""
    slow = pulse.by_minute(pulse.SLOW_STATEMENTS, minutes=MINUTES, now=now)
    seen = pulse.by_minute(sockets_seen(tenant_id), minutes=MINUTES, now=now)
    lost = pulse.by_minute(sockets_lost(tenant_id), minutes=MINUTES, now=now)
    crashes = pulse.by_minute(CRASHES, minutes=MINUTES, now=now)
    if slow is None or seen is None or lost is None or crashes is None:
        return {
            Kind.REDIS_LOST: "Screens fetch their state themselves, a little later.",
            Kind.SLOW_QUERIES: None,
            Kind.SOCKETS_LOST: None,
        }
    return {
        Kind.REDIS_LOST: "",
        Kind.SLOW_QUERIES: _slow(sum(slow)),
        Kind.SOCKETS_LOST: _lost(sum(lost), max(seen), crashes=sum(crashes)),
    }


def _slow(count: int) -> str:
    if count < SLOW_AT_LEAST:
        return ""
    return f"{count} statements took longer than half a second, within {MINUTES} minutes."


def _lost(count: int, seen: int, *, crashes: int) -> str:
    if crashes and seen >= LOST_AT_LEAST:
        return "A web server died and was started again: its connections broke off."
    if count < LOST_AT_LEAST or count <= LOST_SHARE * seen:
        return ""
    return f"{count} connections broke off within {MINUTES} minutes."


def _to_mail(now: datetime) -> list[int]:
    recent = QueueAlert.objects.filter(notified_at__gt=now - QUIET).values_list("kind", "queue_id")
    told = set(recent)
    due = QueueAlert.objects.filter(closed_at=None, notified_at=None).order_by("pk")
    return [each.pk for each in due if (each.kind, each.queue_id) not in told]
