"""What is open without a login: screens, kiosks and patients' own pages."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from appointments.enums import LinkKind
from appointments.models.queue import WaitingQueue
from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy


class PublicLink(TenantModel):
    """An unguessable address: whoever knows its token may open one page of one record.

    The token is an HMAC of ``nonce`` under the installation's key, so it can be shown again but
    is not in the database; ``digest`` finds it.
    """

    kind = models.CharField(max_length=10, choices=LinkKind)
    target_id = models.BigIntegerField()
    nonce = models.CharField(max_length=64, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    privacy = FieldPrivacy(
        public="id tenant kind target_id nonce digest created_at expires_at revoked_at"
    )

    class Meta:
        constraints = tenant_walls("publiclink", secret=("nonce", "digest"))
        indexes = [models.Index(fields=["tenant", "kind", "target_id"], name="publiclink_target")]

    def __str__(self) -> str:
        return f"{self.kind} link {self.pk}"


class DisplayScreen(TenantModel):
    """A screen in a waiting room."""

    name = models.CharField(max_length=60)
    site = TenantForeignKey(
        "core.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    queues = models.ManyToManyField(WaitingQueue, through="DisplayQueue", related_name="displays")
    languages = ArrayField(
        models.CharField(max_length=10), default=list, blank=True, help_text="Of spoken calls."
    )
    message = models.CharField(max_length=200, blank=True, help_text="Shown at the bottom.")
    shows_initials = models.BooleanField(
        default=False, help_text="Initials beside the ticket of whoever is called."
    )
    has_sound = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True, editable=False)

    privacy = FieldPrivacy(
        public="id tenant name site languages message shows_initials has_sound is_active "
        "last_seen_at"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("displayscreen", "site", secret=("last_seen_at",)),
            models.UniqueConstraint(fields=["tenant", "name"], name="displayscreen_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class DisplayQueue(TenantModel):
    """A queue that a screen shows."""

    display = TenantForeignKey(DisplayScreen, on_delete=models.CASCADE)
    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant display queue")

    class Meta:
        constraints = [
            *tenant_walls("displayqueue", "display", "queue"),
            models.UniqueConstraint(
                fields=["tenant", "display", "queue"], name="displayqueue_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id} on {self.display_id}"


class Kiosk(TenantModel):
    """A touch screen at which patients check in by themselves."""

    name = models.CharField(max_length=60)
    site = TenantForeignKey("core.Site", on_delete=models.PROTECT, related_name="+")
    walk_in_queue = TenantForeignKey(
        WaitingQueue,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Where people without an appointment wait; nobody may join where empty.",
    )
    is_active = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True, editable=False)

    privacy = FieldPrivacy(public="id tenant name site walk_in_queue is_active last_seen_at")

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("kiosk", "site", "walk_in_queue", secret=("last_seen_at",)),
            models.UniqueConstraint(fields=["tenant", "name"], name="kiosk_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name
