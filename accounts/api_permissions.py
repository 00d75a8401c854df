"""The permission table, asked by REST views."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.permissions import Permission, check
from core.errors import InvalidInputError

if TYPE_CHECKING:
    from rest_framework.views import APIView


class RequiresPermission(BasePermission):
    """Grants by the view's ``required_permissions``: from action or method to Permission, and
    "*" for all others.

    A superuser must also say which tenant is meant, because one token serves all of them.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            return False
        if request._request.tenant is None:
            raise InvalidInputError(
                "Name the tenant's slug in the X-Tenant header.",
                attr="X-Tenant",
                code="tenant_required",
            )
        required: dict[str, Permission] = view.required_permissions
        action = getattr(view, "action", None) or (request.method or "").lower()
        check(request.user, required.get(action) or required["*"])
        return True
