"""Who may do what: the one table that views, API, sockets and admin ask."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db import models

from core.errors import NotAllowedError

if TYPE_CHECKING:
    from accounts.models import User


class Role(models.TextChoices):
    TENANT_ADMIN = "tenant_admin", "Administrator"
    MANAGER = "manager", "Manager"
    FRONT_DESK = "front_desk", "Front desk"
    NURSE = "nurse", "Nurse"
    PROVIDER = "provider", "Provider"
    PATIENT = "patient", "Patient"


class Permission(models.TextChoices):
    """A capability; the label says what it allows."""

    SEE_TODAY = "see_today", "See the flow board and the calendar"
    SEE_ALL_PROVIDERS = "see_all_providers", "See other providers' appointments too"
    SEE_PATIENTS = "see_patients", "Search patients and open their records"
    EDIT_PATIENTS = "edit_patients", "Register patients and correct their records"
    BOOK = "book", "Book, move and cancel appointments"
    OVERBOOK = "overbook", "Book over another appointment, with a reason"
    RUN_FLOW = "run_flow", "Check in, start, complete, mark as missed, undo"
    SEE_CATALOGUE = "see_catalogue", "See appointment types, providers and availability"
    EDIT_CATALOGUE = "edit_catalogue", "Change appointment types, sites and availability"
    CONFIGURE_SCHEDULING = "configure_scheduling", "Change how slots are ranked"
    SEE_QUEUES = "see_queues", "See queues"
    RUN_QUEUES = "run_queues", "Add to queues and call patients"
    CONFIGURE_QUEUES = "configure_queues", "Change how queues work"
    SEE_WAITLIST = "see_waitlist", "See the waitlist"
    EDIT_WAITLIST = "edit_waitlist", "Add to the waitlist and offer slots"
    SEE_ANALYTICS = "see_analytics", "See figures"
    SEE_AUDIT = "see_audit", "Read the audit trail"
    MANAGE_USERS = "manage_users", "Create users and set their roles"
    USE_ADMIN = "use_admin", "Open the administration site"
    USE_PORTAL = "use_portal", "Use the patient portal"


P = Permission
_CLINICAL = {
    P.SEE_TODAY,
    P.SEE_PATIENTS,
    P.RUN_FLOW,
    P.SEE_CATALOGUE,
    P.SEE_QUEUES,
    P.RUN_QUEUES,
    P.SEE_WAITLIST,
}
_DESK = _CLINICAL | {P.SEE_ALL_PROVIDERS, P.EDIT_PATIENTS, P.BOOK, P.EDIT_WAITLIST}
_MANAGER = _DESK | {
    P.OVERBOOK,
    P.EDIT_CATALOGUE,
    P.CONFIGURE_SCHEDULING,
    P.CONFIGURE_QUEUES,
    P.SEE_ANALYTICS,
}

TABLE: dict[str, frozenset[Permission]] = {
    Role.TENANT_ADMIN: frozenset(_MANAGER | {P.SEE_AUDIT, P.MANAGE_USERS, P.USE_ADMIN}),
    Role.MANAGER: frozenset(_MANAGER | {P.SEE_AUDIT}),
    Role.FRONT_DESK: frozenset(_DESK | {P.OVERBOOK}),
    Role.NURSE: frozenset(_CLINICAL | {P.SEE_ALL_PROVIDERS}),
    Role.PROVIDER: frozenset(_CLINICAL),
    Role.PATIENT: frozenset({P.USE_PORTAL}),
}


def can(user: "User", permission: Permission) -> bool:
    """Whether the user may; a superuser may everything but use the patients' portal."""
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return permission != Permission.USE_PORTAL
    return permission in TABLE.get(user.role, frozenset())


def check(user: "User", permission: Permission) -> None:
    """
    Raises:
        NotAllowedError: the user may not.
    """
    if not can(user, permission):
        raise NotAllowedError(f"Your role does not allow this: {permission.label.lower()}.")


def requires(permission: Permission) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Guard of an HTML view: strangers go to the login page, others without the right get 403."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        @login_required
        def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            check(request.user, permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate
