"""What the frame around every page shows: where one can go, for whom, and who is logged in."""

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from accounts.permissions import Permission, Role, can


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail."""

    url: str
    label: str
    icon: str
    permission: Permission
    others: tuple[str, ...] = ()  # further addresses that belong to it

    def nearness(self, path: str) -> int:
        """How much of the path it accounts for; 0 for a page that is not its own."""
        return max(
            (len(url) for url in (self.url, *self.others) if path.startswith(url)), default=0
        )


PLACES = (
    Place("/today/", "Today", "square-kanban", Permission.SEE_TODAY),
    Place("/appointments/calendar/", "Calendar", "calendar-days", Permission.SEE_TODAY),
    Place("/appointments/queue/", "Queues", "list-ordered", Permission.SEE_QUEUES),
    Place("/appointments/scheduling/", "Find a time", "search", Permission.BOOK),
    Place("/appointments/waitlist/", "Waitlist", "hourglass", Permission.SEE_WAITLIST),
    Place("/appointments/scheduling/call-list/", "Calls", "phone", Permission.BOOK),
    Place(
        "/patients/",
        "Patients",
        "users",
        Permission.SEE_PATIENTS,
        ("/appointments/scheduling/patient/",),
    ),
    Place(
        "/appointments/scheduling/analytics/",
        "Figures",
        "chart-column",
        Permission.SEE_ANALYTICS,
        ("/appointments/scheduling/metrics/",),
    ),
    Place("/admin/", "Admin", "settings", Permission.USE_ADMIN),
    Place("/portal/", "My visits", "calendar-days", Permission.USE_PORTAL),
)


class Frame:
    """Read only by full pages, so that fragments cost nothing."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _user(self):
        return getattr(self._request, "user", None)

    @cached_property
    def _inside(self) -> bool:
        return bool(self._user and self._user.is_authenticated and self._request.tenant)

    @cached_property
    def tenant_name(self) -> str:
        return self._request.tenant.name if self._inside else ""

    @cached_property
    def role(self) -> str:
        return "Platform" if self._user.is_superuser else Role(self._user.role).label

    @cached_property
    def can_search(self) -> bool:
        """Whether the top line offers a search; the list of patients has its own."""
        elsewhere = self._request.path != "/patients/"
        return elsewhere and self._inside and can(self._user, Permission.SEE_PATIENTS)

    @cached_property
    def links(self) -> list[dict[str, object]]:
        """Places the user may go to; empty outside a tenant, where pages stand bare."""
        if not self._inside:
            return []
        path = self._request.path
        here = max(PLACES, key=lambda place: place.nearness(path))
        return [
            {
                "url": place.url,
                "label": place.label,
                "icon": place.icon,
                "is_current": place is here and place.nearness(path) > 0,
            }
            for place in PLACES
            if can(self._user, place.permission)
        ]


def frame(request: HttpRequest) -> dict[str, object]:
    return {"frame": Frame(request)}
