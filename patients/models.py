"""The people who are cared for."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from core.constraints import tenant_walls
from core.fields import TenantOneToOneField
from core.models import TenantModel
from core.privacy import FieldPrivacy


class Sex(models.TextChoices):
    """FHIR administrative gender."""

    FEMALE = "female", "Female"
    MALE = "male", "Male"
    OTHER = "other", "Other"
    UNKNOWN = "unknown", "Not stated"


class CommunicationNeed(models.TextChoices):
    INTERPRETER = "interpreter", "Interpreter"
    SIGN_LANGUAGE = "sign_language", "Sign language"
    HEARING = "hearing", "Hard of hearing"
    SIGHT = "sight", "Low vision"
    WHEELCHAIR = "wheelchair", "Wheelchair"
    CARER = "carer", "Comes with a carer"


# What people write of a record, in the order in which it is shown.
WRITTEN = (
    "mrn",
    "first_name",
    "last_name",
    "birth_date",
    "sex",
    "phone",
    "second_phone",
    "email",
    "address",
    "latitude",
    "longitude",
    "language",
    "communication_needs",
    "consents_to_sms",
    "consents_to_email",
    "consents_to_data_sharing",
    "notes",
    "is_active",
)


class PatientProfile(TenantModel):
    """One patient of one tenant.

    ``mrn`` is the medical record number, unique within the tenant; registration assigns one
    where none is given.  The table's generated column ``search_text`` is the search's alone.
    """

    user = TenantOneToOneField(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="patient_profile",
        help_text="The patient's own login to the portal.",
    )
    mrn = models.CharField("MRN", max_length=32)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    birth_date = models.DateField()
    sex = models.CharField(max_length=8, choices=Sex, default=Sex.UNKNOWN)
    phone = PhoneNumberField(blank=True)
    second_phone = PhoneNumberField(blank=True)
    email = models.EmailField(blank=True)
    address = models.CharField(max_length=250, blank=True)
    latitude = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    language = models.CharField(max_length=10, default="en", help_text="Code, such as de or ar.")
    communication_needs = ArrayField(
        models.CharField(max_length=16, choices=CommunicationNeed), default=list, blank=True
    )
    consents_to_sms = models.BooleanField("Consents to SMS", default=False)
    consents_to_email = models.BooleanField("Consents to e-mail", default=False)
    consents_to_data_sharing = models.BooleanField(default=False)
    notes = models.TextField(max_length=4000, blank=True)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    privacy = FieldPrivacy(
        phi="user mrn first_name last_name birth_date sex phone second_phone email address "
        "latitude longitude language communication_needs notes",
        public="id tenant consents_to_sms consents_to_email consents_to_data_sharing is_active "
        "version created_at",
    )

    class Meta:
        constraints = [
            *tenant_walls("patientprofile", "user", secret=("search_text",)),
            models.UniqueConstraint(
                fields=["tenant", "mrn"],
                name="patientprofile_mrn_unique",
                violation_error_code="mrn_taken",
                violation_error_message="Another patient has this MRN.",
            ),
            models.CheckConstraint(
                condition=~Q(first_name="") & ~Q(last_name="") & ~Q(mrn=""),
                name="patientprofile_named",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "last_name", "first_name", "id"], name="patientprofile_by_name"
            ),
            models.Index(fields=["tenant", "birth_date"], name="patientprofile_by_birth"),
        ]

    def __str__(self) -> str:
        return self.mrn

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class PatientNumber(TenantModel):
    """The locked counter behind automatic MRNs; one row per tenant."""

    last = models.PositiveBigIntegerField(default=0)

    privacy = FieldPrivacy(public="id tenant last")

    class Meta:
        constraints = [
            *tenant_walls("patientnumber", audited=False),
            models.UniqueConstraint(fields=["tenant"], name="patientnumber_one_per_tenant"),
        ]

    def __str__(self) -> str:
        return str(self.last)


class KnownName(TenantModel):
    """A word of some patient's name, folded: what a misspelt word of a search may have meant.

    A trigger of the patients' table adds them; nothing says whose name a word is.
    """

    word = models.CharField(max_length=64)

    privacy = FieldPrivacy(public="id tenant", phi="word")

    class Meta:
        constraints = [
            *tenant_walls("knownname", audited=False),
            models.UniqueConstraint(fields=["tenant", "word"], name="knownname_once_per_tenant"),
        ]

    def __str__(self) -> str:
        return self.word
