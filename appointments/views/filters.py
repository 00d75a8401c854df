"""Which providers and sites a person watches: chosen by chips, kept in the session."""

from dataclasses import dataclass
from functools import cached_property

from django.http import QueryDict

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.booking.selectors import VisitRow, active_sites, shown_providers
from appointments.views.htmx import HtmxRequest
from core.models import Site

SESSION_KEY = "watched"
MAX_CHOSEN = 200


@dataclass(frozen=True, slots=True)
class Chip:
    value: int
    label: str
    initials: str
    is_on: bool


class Filters:
    """Nothing chosen means everything; a key that no longer exists is ignored."""

    def __init__(self, request: HtmxRequest) -> None:
        self._user = request.user
        if "filter" in request.GET:
            request.session[SESSION_KEY] = {
                "provider": _keys(request.GET, "provider"),
                "site": _keys(request.GET, "site"),
            }
        kept = request.session.get(SESSION_KEY, {})
        self._wanted_providers = set(kept.get("provider", ()))
        self._wanted_sites = set(kept.get("site", ()))

    @cached_property
    def sees_all(self) -> bool:
        return can(self._user, Permission.SEE_ALL_PROVIDERS)

    @cached_property
    def all_providers(self) -> list[User]:
        return shown_providers(self._user, sees_all=self.sees_all)

    @cached_property
    def all_sites(self) -> list[Site]:
        return active_sites()

    @cached_property
    def provider_ids(self) -> set[int]:
        """The chosen ones; empty for all."""
        known = {provider.pk for provider in self.all_providers}
        return self._wanted_providers & known

    @cached_property
    def site_ids(self) -> set[int]:
        return self._wanted_sites & {site.pk for site in self.all_sites}

    @cached_property
    def provider_chips(self) -> list[Chip]:
        if not self.sees_all:
            return []
        return [
            Chip(p.pk, p.get_full_name(), p.initials, p.pk in self.provider_ids)
            for p in self.all_providers
        ]

    @cached_property
    def site_chips(self) -> list[Chip]:
        if len(self.all_sites) < 2:
            return []
        return [Chip(s.pk, s.name, "", s.pk in self.site_ids) for s in self.all_sites]

    @property
    def is_active(self) -> bool:
        return bool(self.provider_ids or self.site_ids)

    @property
    def site_names(self) -> str:
        chosen = [s.name for s in self.all_sites if not self.site_ids or s.pk in self.site_ids]
        if self.site_ids or len(chosen) == 1:
            return ", ".join(chosen)
        return "All sites"

    def lets_through(self, visit: VisitRow) -> bool:
        """A visit without a site is never hidden by the choice of one."""
        return (not self.provider_ids or visit.provider_id in self.provider_ids) and (
            not self.site_ids or visit.site_id is None or visit.site_id in self.site_ids
        )


def _keys(query: QueryDict, name: str) -> list[int]:
    values = query.getlist(name)[:MAX_CHOSEN]
    return [int(v) for v in values if v.isascii() and v.isdecimal() and len(v) < 19]
