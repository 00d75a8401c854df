from django.contrib.admin.apps import AdminConfig


class HospitalAdminConfig(AdminConfig):
    default_site = "accounts.admin_site.TenantAdminSite"
