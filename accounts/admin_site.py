"""The administration site: a tenant administrator sees the tenant, a superuser a chosen one."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from accounts.permissions import Permission, can


class TenantAdminSite(AdminSite):
    site_header = "Administration"
    site_title = "Administration"
    index_title = "Records"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return can(request.user, Permission.USE_ADMIN)
