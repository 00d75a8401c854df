"""People who log in, and the tokens other systems log in with."""

import hashlib
import secrets

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.permissions import Role
from core.constraints import (
    Audited,
    RowLevelSecurity,
    SameTenantReference,
    tenant_walls,
)
from core.fields import TenantForeignKey, TenantOneToOneField
from core.models import TenantModel
from core.privacy import FieldPrivacy
from core.tenancy import current_tenant_id


class TenantUserManager(UserManager):
    """Users of the active tenant; outside a tenant, the platform's own users."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(tenant_id=current_tenant_id())

    def providers(self) -> models.QuerySet:
        """Active providers, ordered by name."""
        active = self.filter(role=Role.PROVIDER, is_active=True)
        return active.order_by("last_name", "first_name", "pk")


class User(AbstractUser):
    """A person who logs in.  Without a tenant: a superuser of the platform."""

    tenant = models.ForeignKey(
        "core.Tenant",
        null=True,
        blank=True,
        editable=False,
        default=current_tenant_id,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="+",
    )
    role = models.CharField(max_length=16, choices=Role, blank=True)
    title = models.CharField(max_length=30, blank=True, help_text="Such as Dr.")

    # Rights come from the role alone; Django's tables for them know no tenant.
    groups = None
    user_permissions = None

    objects = TenantUserManager()
    unscoped = UserManager()

    privacy = FieldPrivacy(
        public="id tenant username first_name last_name title email role is_active is_staff "
        "is_superuser date_joined last_login password"
    )

    class Meta:
        base_manager_name = "unscoped"
        constraints = [
            RowLevelSecurity(name="user_of_tenant", when_none="unowned"),
            models.UniqueConstraint(fields=["tenant", "id"], name="user_tenant_id_key"),
            models.CheckConstraint(
                condition=Q(tenant__isnull=True, is_superuser=True)
                | (Q(tenant__isnull=False, is_superuser=False) & ~Q(role="")),
                name="user_superuser_iff_no_tenant",
            ),
            Audited(name="user_audited", secret=("password",)),
        ]
        indexes = [models.Index(fields=["tenant", "role", "last_name"], name="user_by_role")]

    def get_full_name(self) -> str:
        return (
            " ".join(filter(None, [self.title, self.first_name, self.last_name])) or self.username
        )

    @property
    def initials(self) -> str:
        return (self.first_name[:1] + self.last_name[:1]).upper() or self.username[:2].upper()

    @property
    def is_provider(self) -> bool:
        return self.role == Role.PROVIDER

    @property
    def video_room_url(self) -> str:
        """Where patients meet them by video; empty where they have no room."""
        profile = getattr(self, "provider_profile", None)
        return profile.video_room_url if profile else ""


class ProviderProfile(TenantModel):
    """What a provider offers.  The provider's key everywhere is the user's."""

    user = TenantOneToOneField(User, on_delete=models.CASCADE, related_name="provider_profile")
    specialties = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    languages = ArrayField(
        models.CharField(max_length=10),
        default=list,
        blank=True,
        help_text="Language codes, such as de, en.",
    )
    sites = models.ManyToManyField("core.Site", through="ProviderSite", related_name="providers")
    colour = models.CharField(max_length=16, default="teal", help_text="Column accent.")
    video_room_url = models.URLField(
        "video room",
        max_length=500,
        blank=True,
        default="",
        db_default="",
        validators=[URLValidator(["https"])],
        help_text="Where patients meet this provider by video: an address that begins with "
        "https. Patients see it once they are called, and may keep it: the room must have a "
        "lobby from which the provider lets them in.",
    )

    privacy = FieldPrivacy(public="id tenant user specialties languages colour video_room_url")

    class Meta:
        constraints = tenant_walls("providerprofile", "user")

    def __str__(self) -> str:
        return f"Provider {self.user_id}"


class ProviderSite(TenantModel):
    """A site at which a provider works."""

    profile = TenantForeignKey(ProviderProfile, on_delete=models.CASCADE)
    site = TenantForeignKey("core.Site", on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant profile site")

    class Meta:
        constraints = [
            *tenant_walls("providersite", "profile", "site"),
            models.UniqueConstraint(
                fields=["tenant", "profile", "site"], name="providersite_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} at {self.site_id}"


class ApiToken(models.Model):
    """A REST login.  Only its SHA-256 digest is stored: the token is random, so no salt is due.

    Superusers' tokens have no tenant.
    """

    LENGTH_BYTES = 32

    tenant = models.ForeignKey(
        "core.Tenant",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="+",
    )
    user = TenantForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)

    privacy = FieldPrivacy(public="id tenant user digest created_at expires_at")

    class Meta:
        constraints = [
            RowLevelSecurity(name="apitoken_of_tenant", when_none="unowned"),
            SameTenantReference(name="apitoken_user_same_tenant", field="user"),
            Audited(name="apitoken_audited", secret=("digest",)),
        ]
        indexes = [models.Index(fields=["tenant", "user"], name="apitoken_user")]

    def __str__(self) -> str:
        return f"Token {self.pk}"

    @staticmethod
    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def issue(cls, user: User) -> str:
        """Make a token for the user and return it; it cannot be read again."""
        token = secrets.token_urlsafe(cls.LENGTH_BYTES)
        cls.objects.create(tenant_id=user.tenant_id, user=user, digest=cls.digest_of(token))
        return token
