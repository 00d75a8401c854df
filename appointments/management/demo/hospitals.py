"""The two demonstration hospitals: places, people who work there, what can be booked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import time

from appointments.enums import Modality
from appointments.management.demo.people import (
    BERLIN,
    ROCHESTER,
    Names,
    berlin_numbers,
    rochester_numbers,
)

WORKDAYS = range(5)
WEEKEND = range(5, 7)
SLOT_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    address: str
    latitude: float
    longitude: float
    phone: str


@dataclass(frozen=True, slots=True)
class Doctor:
    """A provider; ``place`` counts the hospital's sites from 0, ``weekends`` adds both days."""

    title: str
    first: str
    last: str
    specialty: str
    place: int
    languages: tuple[str, ...]
    colour: str
    lunch: tuple[time, time]
    weekends: bool = False
    free_weekday: int | None = None

    def hours(self, weekday: int) -> list[tuple[time, time]]:
        """Working time on that weekday (Monday = 0), earliest first."""
        if weekday in WEEKEND:
            return [(time(9), time(13)), (time(14), time(18))] if self.weekends else []
        if weekday == self.free_weekday:
            return []
        return [(time(8), self.lunch[0]), (self.lunch[1], time(18))]


@dataclass(frozen=True, slots=True)
class Staff:
    """A login that is not a provider's; ``account`` is its first part."""

    account: str
    role: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Kind:
    """An appointment type; ``needs`` is the kind of resource it takes."""

    name: str
    description: str
    minutes: int
    before: int
    after: int
    colour: str
    weight: int
    online: bool = True
    modality: Modality = Modality.ON_SITE
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Urgency:
    """A priority rule; ``kind`` names the appointment type it is for, if it is for one."""

    name: str
    description: str
    codes: tuple[str, ...] = ()
    kind: str = ""
    score: float = 50
    multiplier: float = 1
    max_wait_days: int | None = None
    same_day: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A queue and its service points; ``provider`` counts the doctors whose visits wait in it, None
    for walk-ins."""

    name: str
    prefix: str
    place: int
    points: Sequence[str]
    provider: int | None = None


@dataclass(frozen=True, slots=True)
class Hospital:
    slug: str
    name: str
    zone: str
    locale: str
    spoken: Sequence[str]  # by the screen in the hall
    phone: str
    places: Sequence[Place]
    doctors: Sequence[Doctor]
    staff: Sequence[Staff]
    lines: Sequence[Line]
    names: Sequence[Names]
    streets: Sequence[str]
    numbers: Callable[[], Iterator[str]]


ULTRASOUND = "Ultrasound room"
GENERAL, HEART = "General medicine", "Cardiology"
CHILDREN, BONES = "Paediatrics", "Orthopaedics"
KINDS = (
    Kind("Consultation", "A talk and an examination.", 30, 0, 0, "#0b6e69", 40),
    Kind(
        "Follow-up",
        "Results, progress, next steps.",
        15,
        0,
        0,
        "#3b5bdb",
        30,
        modality=Modality.EITHER,
    ),
    Kind("First visit", "History, examination and a plan.", 45, 0, 10, "#7048a8", 10),
    Kind("Check-up", "Yearly prevention.", 30, 0, 5, "#2f7d32", 12),
    Kind("Vaccination", "Advice and the injection.", 15, 0, 5, "#b05c00", 8),
    Kind(
        "Ultrasound",
        "With preparation of the room.",
        30,
        5,
        10,
        "#a3345c",
        8,
        online=False,
        needs=ULTRASOUND,
    ),
)
NOON = (time(12), time(13))
HALF_PAST = (time(12, 30), time(13, 30))
ONE = (time(13), time(14))
URGENCIES = (
    Urgency("Chest pain", "Seen the day it is reported.", ("R07",), score=95, same_day=True),
    Urgency("Diabetes", "Controlled every four weeks.", ("E10", "E11"), "", 60, 1.5, 28),
    Urgency("First visits", "New patients wait a month at most.", (), "First visit", 50, 1, 30),
)
# Name, kind, and the place's number.
EQUIPMENT = (
    ("Ultrasound 1", ULTRASOUND, 0),
    ("Ultrasound 2", ULTRASOUND, 0),
    ("Ultrasound 3", ULTRASOUND, 1),
)

RIVERSIDE = Hospital(
    slug="riverside",
    name="Riverside General Hospital",
    zone="Europe/Berlin",
    locale="en-gb",
    spoken=("en", "de"),
    phone="+49 30 23125000",
    places=(
        Place("Main Building", "Uferallee 12, 13357 Berlin", 52.5512, 13.3785, "+493023125001"),
        Place("East Clinic", "Lindenpark 98, 10247 Berlin", 52.5147, 13.4705, "+493023125002"),
    ),
    doctors=(
        Doctor("Dr.", "Miriam", "Weber", GENERAL, 0, ("de", "en"), "teal", NOON, weekends=True),
        Doctor("Dr.", "Jonas", "Albrecht", GENERAL, 0, ("de",), "blue", ONE, weekends=True),
        Doctor("Dr.", "Elif", "Yıldırım", GENERAL, 1, ("de", "tr"), "violet", HALF_PAST),
        Doctor("Dr.", "Sören", "Großmann", GENERAL, 1, ("de", "en"), "amber", NOON, weekends=True),
        Doctor("Prof.", "Katharina", "Voß", HEART, 0, ("de", "fr"), "rose", ONE, free_weekday=4),
        Doctor("Dr.", "Amir", "Haddad", HEART, 0, ("de", "ar"), "green", NOON, weekends=True),
        Doctor("Dr.", "Lea", "Sommer", CHILDREN, 0, ("de",), "cyan", HALF_PAST, weekends=True),
        Doctor("Dr.", "Paweł", "Nowak", CHILDREN, 1, ("de", "pl"), "orange", NOON, free_weekday=2),
        Doctor("Dr.", "Henrike", "Brandt", BONES, 0, ("de", "en"), "indigo", ONE, weekends=True),
        Doctor("Dr.", "Tobias", "Engel", BONES, 1, ("de",), "lime", HALF_PAST, free_weekday=0),
    ),
    staff=(
        Staff("admin", "tenant_admin", "Ruth", "Osterkamp"),
        Staff("manager", "manager", "Carsten", "Liebig"),
        Staff("frontdesk", "front_desk", "Nadine", "Kopp"),
        Staff("nurse", "nurse", "Svetlana", "Hartung"),
    ),
    lines=(
        Line("Dr. Weber, room 3", "A", 0, ("Room 3",), provider=0),
        Line("Walk-in, main building", "B", 0, ("Counter 1", "Counter 2")),
        Line("Blood samples, east clinic", "C", 1, ("Cabin 1", "Cabin 2")),
    ),
    names=BERLIN,
    streets=(
        "Kastanienweg {number}, 13357 Berlin",
        "Am Kanal {number}, 10967 Berlin",
        "Lindenallee {number}, 10247 Berlin",
        "Große Gartenstraße {number}, 12043 Berlin",
        "Platz der Möwen {number}, 13086 Berlin",
    ),
    numbers=berlin_numbers,
)
LAKESIDE = Hospital(
    slug="lakeside",
    name="Lakeside Family Clinic",
    zone="America/New_York",
    locale="en-us",
    spoken=("en", "es"),
    phone="+1 585-555-0100",
    places=(
        Place(
            "Lake Avenue", "410 Lake Ave, Rochester, NY 14608", 43.1716, -77.6285, "+15855550101"
        ),
        Place(
            "Brighton", "1820 Monroe Ave, Rochester, NY 14618", 43.1252, -77.5667, "+15855550102"
        ),
    ),
    doctors=(
        Doctor("Dr.", "Grace", "Whitfield", GENERAL, 0, ("en",), "teal", NOON, weekends=True),
        Doctor("Dr.", "Marcus", "Bell", GENERAL, 0, ("en", "es"), "blue", ONE, weekends=True),
        Doctor("Dr.", "Aisling", "O'Rourke", GENERAL, 1, ("en",), "violet", HALF_PAST),
        Doctor("Dr.", "Daniel", "Kim", GENERAL, 1, ("en", "ko"), "amber", NOON, weekends=True),
        Doctor("Dr.", "Priya", "Raman", HEART, 0, ("en", "ta"), "rose", ONE, free_weekday=4),
        Doctor("Dr.", "Howard", "Stein", HEART, 0, ("en", "he"), "green", NOON, weekends=True),
        Doctor("Dr.", "Lucía", "Fernández", CHILDREN, 0, ("en", "es"), "cyan", HALF_PAST, True),
        Doctor("Dr.", "Ben", "Castellano", CHILDREN, 1, ("en",), "orange", NOON, free_weekday=2),
        Doctor("Dr.", "Nora", "Lindqvist", BONES, 0, ("en", "sv"), "indigo", ONE, weekends=True),
        Doctor("Dr.", "Curtis", "Freeman", BONES, 1, ("en",), "lime", HALF_PAST, free_weekday=0),
    ),
    staff=(
        Staff("admin", "tenant_admin", "Helen", "Marsh"),
        Staff("manager", "manager", "Victor", "Ruiz"),
        Staff("frontdesk", "front_desk", "Tanya", "Brooks"),
        Staff("nurse", "nurse", "Deborah", "Quinn"),
    ),
    lines=(
        Line("Dr. Whitfield, room 2", "A", 0, ("Room 2",), provider=0),
        Line("Walk-in, Lake Avenue", "B", 0, ("Desk 1", "Desk 2")),
        Line("Laboratory, Brighton", "C", 1, ("Cabin 1", "Cabin 2")),
    ),
    names=ROCHESTER,
    streets=(
        "{number} Maplewood Dr, Rochester, NY 14615",
        "{number} Genesee Park Blvd, Rochester, NY 14619",
        "{number} East Henrietta Rd, Rochester, NY 14620",
        "{number} Culver Pkwy, Rochester, NY 14609",
        "{number} Stone Mill Ln, Rochester, NY 14618",
    ),
    numbers=rochester_numbers,
)
HOSPITALS = (RIVERSIDE, LAKESIDE)
