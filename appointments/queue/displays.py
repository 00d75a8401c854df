"""Screens in the waiting rooms: every write to them, and what they show."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import LinkKind
from appointments.models import DisplayScreen, PublicLink, QueueEntry, WaitingQueue
from appointments.queue import links, pairing
from appointments.queue.links import Located
from appointments.queue.selectors import queue_status
from appointments.queue.spoken_calls import WORDS
from core.clock import Clock, system_clock
from core.db import violated_constraint
from core.errors import DomainError, InvalidInputError, NotFoundError
from core.events import call_on_commit
from core.lookups import MAX_KEY, all_existing, existing
from core.models import Site

NAME_UNIQUE = "displayscreen_name_unique"
MAX_QUEUES = 8
SHOWN_NEXT = 20
SEEN_STEP = timedelta(seconds=30)
SILENT_AFTER = timedelta(minutes=3)


class ScreenNameTakenError(DomainError):
    code = "name_taken"
    message = "Another screen has this name."


def screens() -> QuerySet[DisplayScreen]:
    """The tenant's, by name, with their queues and ``is_connected``."""
    open_links = PublicLink.objects.filter(
        kind=LinkKind.DISPLAY, target_id=OuterRef("pk"), revoked_at=None
    )
    found = DisplayScreen.objects.annotate(is_connected=Exists(open_links))
    return found.prefetch_related("queues").select_related("site").order_by("name", "pk")


def screen_by_key(screen_id: int) -> DisplayScreen:
    """
    Raises:
        NotFoundError: the tenant has no such screen.
    """
    found = screens().filter(pk=min(screen_id, MAX_KEY)).first()
    if found is None:
        raise NotFoundError("There is no such screen.")
    return found


def is_alive(screen: DisplayScreen, *, now: datetime) -> bool:
    """Whether a connected device was heard of lately; the screen is one of ``screens``."""
    seen = screen.last_seen_at
    return screen.is_connected and seen is not None and seen > now - SILENT_AFTER


def shown_screen(screen_id: int) -> DisplayScreen:
    """The screen that a link opened.

    Raises:
        NotFoundError: it is gone or switched off.
    """
    found = DisplayScreen.objects.filter(pk=screen_id, is_active=True).first()
    if found is None:
        raise NotFoundError("There is no such screen.")
    return found


def shown_queues(screen: DisplayScreen) -> QuerySet[WaitingQueue]:
    """Those of the screen that are in use."""
    return screen.queues.filter(is_active=True).order_by("pk")


def screen_status(screen: DisplayScreen, *, now: datetime) -> dict[str, Any]:
    """What the screen shows: JSON-ready, without names or patients' keys.

    ``initials`` by the key of each entry that is being called or served; empty unless the screen
    was set to show them.
    """
    queues = [_shortened(queue_status(queue, now=now)) for queue in shown_queues(screen)]
    return {
        "timestamp": now.isoformat(),
        "message": screen.message,
        "queues": queues,
        "initials": _initials(queues) if screen.shows_initials else {},
    }


def _shortened(status: dict[str, Any]) -> dict[str, Any]:
    return status | {"entries": status["entries"][:SHOWN_NEXT]}


def _initials(queues: list[dict[str, Any]]) -> dict[str, str]:
    shown = {
        each["entry_id"]
        for status in queues
        for each in (*status["now_serving"], *status["recent_calls"])
    }
    entries = QueueEntry.objects.filter(pk__in=shown).select_related("patient")
    return {
        str(entry.pk): f"{entry.patient.first_name[:1]}. {entry.patient.last_name[:1]}.".upper()
        for entry in entries
    }


def note_seen(screen: DisplayScreen, *, now: datetime) -> None:
    """The screen is alive; written at most every half minute."""
    is_due = Q(last_seen_at=None) | Q(last_seen_at__lt=now - SEEN_STEP)
    DisplayScreen.objects.filter(is_due, pk=screen.pk).update(last_seen_at=now)


class Displays:
    """Commands on screens, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it and NotFoundError for a
    screen that the tenant has not.
    """

    def __init__(self, *, by: User | None, clock: Clock = system_clock) -> None:
        self.by, self.clock = by, clock

    @transaction.atomic
    def add(
        self, values: dict[str, Any], *, queue_ids: Iterable[int], code: str = ""
    ) -> DisplayScreen:
        """
        Args:
            values: fields of the model; ``site_id`` for its site.
            queue_ids: the queues it shows, at least one.
            code: what the screen shows, to connect it at once.

        Raises:
            InvalidInputError: naming the field.
            ScreenNameTakenError.
            PairingCodeError, TooManyCodesError: as ``pair``.
        """
        self._check()
        screen = self._save(DisplayScreen(), values, queue_ids)
        return self.pair(screen.pk, code) if code else screen_by_key(screen.pk)

    @transaction.atomic
    def change(
        self, screen_id: int, values: dict[str, Any], *, queue_ids: Iterable[int] | None = None
    ) -> DisplayScreen:
        """As ``add``; what is not given stays, the queues too where None."""
        self._check()
        self._save(self._locked(screen_id), values, queue_ids)
        return screen_by_key(screen_id)

    @transaction.atomic
    def pair(self, screen_id: int, code: str) -> DisplayScreen:
        """Connect the screen that shows the code; one that was connected before goes dark.

        Raises:
            PairingCodeError, TooManyCodesError.
        """
        self._check()
        screen = self._locked(screen_id)
        waiting = pairing.claim(code, by_id=self.by.pk if self.by else None)
        link = self._new_link(screen)
        call_on_commit(pairing.hand_over, waiting, Located(link.tenant_id, link.pk))
        return screen_by_key(screen_id)

    @transaction.atomic
    def new_token(self, screen_id: int) -> str:
        """The token of a new address of the screen; its former one is dead from now on."""
        self._check()
        return links.token_of(self._new_link(self._locked(screen_id)))

    @transaction.atomic
    def disconnect(self, screen_id: int) -> DisplayScreen:
        """No address opens the screen any more; it can be connected again."""
        self._check()
        self._locked(screen_id)
        links.revoke_links(LinkKind.DISPLAY, screen_id, now=self.clock())
        return screen_by_key(screen_id)

    @transaction.atomic
    def delete(self, screen_id: int) -> None:
        self._check()
        screen = self._locked(screen_id)
        links.revoke_links(LinkKind.DISPLAY, screen_id, now=self.clock())
        screen.delete()

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.CONFIGURE_QUEUES)

    def _locked(self, screen_id: int) -> DisplayScreen:
        found = DisplayScreen.objects.select_for_update()
        row = found.filter(pk=min(screen_id, MAX_KEY)).first()
        if row is None:
            raise NotFoundError("There is no such screen.")
        return row

    def _new_link(self, screen: DisplayScreen) -> PublicLink:
        links.revoke_links(LinkKind.DISPLAY, screen.pk, now=self.clock())
        return links.make_link(LinkKind.DISPLAY, screen.pk)

    def _save(
        self, row: DisplayScreen, values: dict[str, Any], queue_ids: Iterable[int] | None
    ) -> DisplayScreen:
        for name, value in values.items():
            setattr(row, name, value)
        row.languages = _checked_languages(row.languages)
        if row.site_id is not None:
            existing(Site.objects.filter(is_active=True), row.site_id, "site_id")
        queues = None if queue_ids is None else _checked_queues(queue_ids, of=row)
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            if violated_constraint(error) != NAME_UNIQUE:
                raise
            raise ScreenNameTakenError(attr="name") from error
        if queues is not None:
            row.queues.set(queues)
        return row


def token_for(located: Located) -> str | None:
    """The token of the display's link that a screen was handed, inside its tenant; None once it
    is revoked."""
    link = PublicLink.objects.filter(
        pk=located.target_id, kind=LinkKind.DISPLAY, revoked_at=None
    ).first()
    return links.token_of(link) if link else None


def _checked_queues(queue_ids: Iterable[int], *, of: DisplayScreen) -> list[WaitingQueue]:
    """Those in use, and those that the screen has already, which may be used again."""
    keys, own = set(queue_ids), Q(displays=of.pk) if of.pk else Q()
    if not 0 < len(keys) <= MAX_QUEUES:
        raise InvalidInputError(f"Choose 1 to {MAX_QUEUES} queues.", attr="queue_ids")
    offered = WaitingQueue.objects.filter(Q(is_active=True) | own).distinct()
    return all_existing(offered, keys, "queue_ids")


def _checked_languages(codes: Iterable[str]) -> list[str]:
    codes = list(dict.fromkeys(codes))
    if any(code not in WORDS for code in codes):
        raise InvalidInputError(
            f"Known languages: {', '.join(WORDS)}.", attr="languages", code="invalid_choice"
        )
    return codes or ["en"]
