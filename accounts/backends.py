"""Password login across tenants, without ever reading another tenant's users."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.http import HttpRequest

from accounts.identity import locate_login
from accounts.models import User
from accounts.permissions import Permission, can
from core.tenancy import current_tenant_id, tenant

USER_FIELDS = [field.attname for field in User._meta.concrete_fields]
USER_BY_KEY = (
    f"SELECT {', '.join(USER_FIELDS)} FROM accounts_user "  # noqa: S608 - of the model
    "WHERE id = %s AND tenant_id IS NOT DISTINCT FROM %s"
)


class TenantBackend(ModelBackend):
    """Finds the user's tenant first, then checks the password inside it."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or password is None:
            return None
        located = locate_login(username)
        if located is None:
            make_password(password)  # the same work as for a known name, so timing tells nothing
            return None
        user = load_user(located.user_id, located.tenant_id)
        if user and user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None

    def get_user(self, user_id: int) -> User | None:
        """The user of the active tenant (or of the platform, outside one)."""
        user = User.objects.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: User, perm: str, obj: Any = None) -> bool:
        """The permission table's answer; Django's own permissions mean the admin site."""
        known = perm in Permission.values
        return can(user_obj, Permission(perm) if known else Permission.USE_ADMIN)

    def has_module_perms(self, user_obj: User, app_label: str) -> bool:
        return can(user_obj, Permission.USE_ADMIN)


def load_user(user_id: int, tenant_id: int | None) -> User | None:
    """The tenant's user (None: the platform's), active or not."""
    if tenant_id is None or current_tenant_id() == tenant_id:
        return _read_user(user_id, tenant_id)
    with tenant(tenant_id):
        return _read_user(user_id, tenant_id)


def _read_user(user_id: int, tenant_id: int | None) -> User | None:
    """By a constant statement: after a restart hundreds of sockets come back at once, and to
    compose it anew would cost five times what it takes to run it."""
    with connection.cursor() as cursor:
        cursor.execute(USER_BY_KEY, [user_id, tenant_id])
        row = cursor.fetchone()
    return User.from_db(connection.alias, USER_FIELDS, row) if row else None
