"""Waiting-room screens as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.models import DisplayScreen
from appointments.queue.displays import MAX_QUEUES, is_alive
from appointments.queue.spoken_calls import WORDS
from core.api_fields import Choice, Flag, Key, StrictSerializer, Text
from core.clock import system_clock

SCREEN = {
    "name": "Entrance hall",
    "site_id": 1,
    "queue_ids": [3],
    "languages": ["de", "en"],
    "message": "Please keep your ticket at hand.",
    "has_sound": True,
    "shows_initials": False,
}
SHOWN = {"id": 2, **SCREEN, "is_connected": True, "is_alive": True}
TOKEN = "uZ1c3xQvP0cS2m0yQpS5k9Jj1c7a8hO4mE2bN6rT0wY"  # noqa: S105 - an example


@extend_schema_serializer(examples=[OpenApiExample("A screen", value=SCREEN)])
class DisplayWriteSerializer(StrictSerializer):
    name = Text(max_length=60)
    site_id = Key(required=False, allow_null=True)
    queue_ids = serializers.ListField(child=Key(), min_length=1, max_length=MAX_QUEUES)
    languages = serializers.ListField(
        child=Choice(choices=[(code, words.name) for code, words in WORDS.items()]),
        required=False,
        max_length=len(WORDS),
        help_text="Of spoken calls, one after the other; the screen is written in the first.",
    )
    message = Text(max_length=200, required=False, allow_blank=True)
    has_sound = Flag(required=False)
    shows_initials = Flag(
        required=False,
        help_text="Initials tell others in the room who is a patient: off unless agreed.",
    )


@extend_schema_serializer(examples=[OpenApiExample("A change", value={"message": "Back at 13:00"})])
class DisplayPatchSerializer(DisplayWriteSerializer):
    pass


@extend_schema_serializer(examples=[OpenApiExample("A code", value={"code": "K7M-4PX"})])
class DisplayPairSerializer(StrictSerializer):
    code = Text(max_length=20, help_text="As /display/ shows it, in any case.")


@extend_schema_serializer(examples=[OpenApiExample("A screen", value=SHOWN)])
class DisplaySerializer(serializers.ModelSerializer):
    site_id = serializers.IntegerField(allow_null=True)
    queue_ids = serializers.SerializerMethodField()
    languages = serializers.ListField(child=serializers.CharField())
    is_connected = serializers.BooleanField(help_text="Whether an address opens it.")
    is_alive = serializers.SerializerMethodField(help_text="Heard of within three minutes.")

    class Meta:
        model = DisplayScreen
        fields = list(SHOWN)

    def get_queue_ids(self, screen: DisplayScreen) -> list[int]:
        return sorted(queue.pk for queue in screen.queues.all())

    def get_is_alive(self, screen: DisplayScreen) -> bool:
        return is_alive(screen, now=system_clock())


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A screen with its address",
            value={
                **SHOWN,
                "token": TOKEN,
                "url": f"https://clinic.example/display/{TOKEN}/",
            },
        )
    ]
)
class DisplayWithTokenSerializer(DisplaySerializer):
    token = serializers.CharField(help_text="Shown only in this answer; store it like a password.")
    url = serializers.CharField()

    class Meta(DisplaySerializer.Meta):
        fields = [*DisplaySerializer.Meta.fields, "token", "url"]
