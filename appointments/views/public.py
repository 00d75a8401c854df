"""The guard of pages that an unguessable link opens."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from appointments.enums import LinkKind
from appointments.queue.links import locate
from core.errors import NotFoundError
from core.models import Tenant
from core.public import public_page
from core.tenancy import tenant

Gone = Callable[[HttpRequest], HttpResponse]


def link_page(kind: LinkKind, *, gone: Gone) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs the view inside the tenant of its ``token``, which becomes the key that it opens.

    Args:
        gone: the answer to an unknown, expired or revoked token, and to a NotFoundError of the
            view; it runs outside any tenant.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @public_page
        @wraps(view)
        def inside(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
            located = locate(kind, token)
            if located is None:
                return gone(request)
            try:
                with tenant(located.tenant_id):
                    owner = request.tenant = Tenant.objects.get(pk=located.tenant_id)
                    with timezone.override(owner.zone_info), translation.override(owner.locale):
                        return view(request, located.target_id, *args, **kwargs)
            except NotFoundError:
                request.tenant = None
                return gone(request)

        return inside

    return decorate
