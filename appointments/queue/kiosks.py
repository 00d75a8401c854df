"""Kiosks: their settings, and the addresses that open them."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import LinkKind
from appointments.models import Kiosk, WaitingQueue
from appointments.queue import links
from core.clock import Clock, system_clock
from core.db import violated_constraint
from core.errors import DomainError, NotFoundError
from core.lookups import MAX_KEY, existing
from core.models import Site

SEEN_STEP = timedelta(minutes=1)
NAME_UNIQUE = "kiosk_name_unique"


class KioskNameTakenError(DomainError):
    code = "kiosk_name_taken"
    message = "Another kiosk has this name."


def all_kiosks() -> QuerySet[Kiosk]:
    return Kiosk.objects.select_related("site", "walk_in_queue").order_by("name", "pk")


def kiosk_by_key(kiosk_id: int) -> Kiosk:
    """
    Raises:
        NotFoundError: there is no such kiosk.
    """
    found = all_kiosks().filter(pk=min(kiosk_id, MAX_KEY)).first()
    if found is None:
        raise NotFoundError("There is no such kiosk.")
    return found


def open_kiosk(kiosk_id: int, *, now: datetime) -> Kiosk:
    """The kiosk whose page is asked for, noted as alive.

    Raises:
        NotFoundError: there is none, or it is switched off.
    """
    found = kiosk_by_key(kiosk_id)
    if not found.is_active:
        raise NotFoundError("This kiosk is switched off.")
    is_due = Q(last_seen_at=None) | Q(last_seen_at__lt=now - SEEN_STEP)
    Kiosk.objects.filter(is_due, pk=found.pk).update(last_seen_at=now)
    return found


class Kiosks:
    """Commands on kiosks, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it and NotFoundError for a
    kiosk that the tenant has not.
    """

    def __init__(self, *, by: User | None, clock: Clock = system_clock) -> None:
        self.by, self.clock = by, clock

    @transaction.atomic
    def add(self, **values: Any) -> Kiosk:
        """
        Args:
            values: ``name``, ``site_id``, ``walk_in_queue_id``, ``is_active``.

        Raises:
            InvalidInputError: naming the field.
            KioskNameTakenError.
        """
        self._check()
        kiosk = self._save(Kiosk(), values)
        links.make_link(LinkKind.KIOSK, kiosk.pk)
        return kiosk

    @transaction.atomic
    def change(self, kiosk_id: int, **values: Any) -> Kiosk:
        """As ``add``; what is not given stays, and so does the address."""
        self._check()
        return self._save(self._locked(kiosk_id), values)

    @transaction.atomic
    def new_address(self, kiosk_id: int) -> Kiosk:
        """Cut the kiosk's address off and give it another."""
        self._check()
        kiosk = self._locked(kiosk_id)
        links.revoke_links(LinkKind.KIOSK, kiosk.pk, now=self.clock())
        links.make_link(LinkKind.KIOSK, kiosk.pk)
        return kiosk

    @transaction.atomic
    def revoke(self, kiosk_id: int) -> Kiosk:
        """Nothing opens the kiosk any more, until it gets a new address."""
        self._check()
        kiosk = self._locked(kiosk_id)
        links.revoke_links(LinkKind.KIOSK, kiosk.pk, now=self.clock())
        return kiosk

    @transaction.atomic
    def delete(self, kiosk_id: int) -> None:
        self._check()
        kiosk = self._locked(kiosk_id)
        links.revoke_links(LinkKind.KIOSK, kiosk.pk, now=self.clock())
        kiosk.delete()

    def token(self, kiosk_id: int) -> str | None:
        """Of the kiosk's present address; None where it has none."""
        self._check()
        link = links.current_link(LinkKind.KIOSK, kiosk_by_key(kiosk_id).pk)
        return links.token_of(link) if link else None

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.CONFIGURE_QUEUES)

    def _locked(self, kiosk_id: int) -> Kiosk:
        row = Kiosk.objects.select_for_update().filter(pk=min(kiosk_id, MAX_KEY)).first()
        if row is None:
            raise NotFoundError("There is no such kiosk.")
        return row

    def _save(self, row: Kiosk, values: dict[str, Any]) -> Kiosk:
        for name, value in values.items():
            setattr(row, name, value)
        existing(Site.objects.filter(is_active=True), row.site_id, "site_id")
        if row.walk_in_queue_id is not None:
            queues = WaitingQueue.objects.filter(is_active=True)
            existing(queues, row.walk_in_queue_id, "walk_in_queue_id")
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            if violated_constraint(error) != NAME_UNIQUE:
                raise
            raise KioskNameTakenError(attr="name") from error
        return row
