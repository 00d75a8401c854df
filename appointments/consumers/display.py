"""Sockets that an unguessable link opens: screens in the hall, and a patient's own page."""

from abc import abstractmethod

from appointments.consumers.frames import CLOSE_NO_LOGIN
from appointments.consumers.guarded import SocketConsumer
from appointments.consumers.watching import Place, PlaceConsumer, WatchingConsumer
from appointments.enums import LinkKind
from appointments.models import DisplayScreen
from appointments.queue.displays import shown_queues
from appointments.queue.links import locate
from appointments.queue.own_place import followed
from core.errors import NotFoundError
from core.tenancy import tenant


class LinkGuard(SocketConsumer):
    """Closes with 4401 when the link is unknown, has expired or was revoked; which is not told."""

    kind: LinkKind

    @abstractmethod
    def open_target(self, tenant_id: int, target_id: int) -> bool:
        """Find what is to be shown, inside the tenant; whether there is anything."""

    def admit(self) -> int | None:
        located = locate(self.kind, self.scope["url_route"]["kwargs"]["token"])
        if located is None:
            return CLOSE_NO_LOGIN
        self.tenant_id = located.tenant_id
        with tenant(located.tenant_id):
            found = self.open_target(located.tenant_id, located.target_id)
        return None if found else CLOSE_NO_LOGIN


class DisplayConsumer(LinkGuard, WatchingConsumer):
    """The queues of a screen; a revoked link goes dark within ``recheck_seconds``."""

    kind = LinkKind.DISPLAY
    recheck_seconds = 3

    def open_target(self, tenant_id: int, target_id: int) -> bool:
        screen = DisplayScreen.objects.filter(pk=target_id, is_active=True).first()
        if screen is None:
            return False
        keys = shown_queues(screen).values_list("pk", flat=True)
        self.wanted = tuple((tenant_id, key) for key in keys)
        return True


class TicketConsumer(LinkGuard, PlaceConsumer):
    """The place of the entry that a ticket's link opens, wherever the patient was sent on to."""

    kind = LinkKind.TICKET
    recheck_seconds = 20

    def open_target(self, tenant_id: int, target_id: int) -> bool:
        try:
            entry = followed(target_id)
        except NotFoundError:
            return False
        self.wanted = ((tenant_id, entry.queue_id),)
        self.place = Place(entry.pk, entry.ticket, entry.status)
        return True
