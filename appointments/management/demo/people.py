"""Invented people.  Pure: everything is drawn from the generator it is given.

Telephone numbers come from the ranges regulators keep free for fiction, so no demo ever rings at
somebody's home.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from random import Random
from typing import Any

KM_PER_DEGREE = 111.2
CHILD_YEARS = 16
SHARE_OF_CHILDREN = 0.2
NEEDS = ("interpreter", "sign_language", "hearing", "sight", "wheelchair", "carer")
NOTES = (
    "Prefers to be called in the morning.",
    "Allergic to penicillin.",
    "Difficult veins; book extra time for blood samples.",
    "Daughter arranges appointments.",
    "Please send reminders by letter.",
)


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one language; first names come as (name, sex)."""

    language: str
    weight: int
    first: Sequence[tuple[str, str]]
    last: Sequence[str]


def words(text: str) -> list[str]:
    """The words of a text; an underscore is a space inside one."""
    return [word.replace("_", " ") for word in text.split()]


def women(names: str) -> list[tuple[str, str]]:
    return [(name, "female") for name in words(names)]


def men(names: str) -> list[tuple[str, str]]:
    return [(name, "male") for name in words(names)]


BERLIN = (
    Names(
        "de",
        62,
        women(
            "Anna Sophie Marie Lena Hannah Emilia Charlotte Greta Frieda Mathilda Käthe Jördis "
            "Ingeborg Renate Sabine Petra Ursula Heike Annelie Anna-Lena Leni Zoë"
        )
        + men(
            "Jürgen Klaus Günther Jörg Björn Sören Lukas Finn Jonas Paul Emil Anton Karl-Heinz "
            "Friedrich Matthias Thomas Uwe Wolfgang Dieter Moritz Till Götz"
        ),
        words(
            "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann "
            "Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann "
            "Braun Krüger Hartmann Lange Krause Lehmann Köhler Maier Groß Weiß Jäger "
            "Grünwald Förster Böhm Königshofer Schulze-Oberländer Brüggemann-Lindenschmidt"
        ),
    ),
    Names(
        "tr",
        14,
        women("Ayşe Fatma Elif Zeynep Emine Hatice Merve Büşra")
        + men("Mehmet Mustafa Ahmet Ali Hüseyin Emre Yusuf Özgür"),
        words("Yılmaz Kaya Demir Şahin Çelik Yıldız Öztürk Arslan Doğan Kılıç"),
    ),
    Names(
        "ar",
        8,
        women("نور فاطمة مريم ليلى") + men("محمد أحمد يوسف عمر"),
        ("عبد الرحمن", "الحداد", "الخطيب", "حسن", "المصري", "درويش"),
    ),
    Names(
        "pl",
        8,
        women("Agnieszka Małgorzata Zofia Katarzyna Wiesława")
        + men("Paweł Łukasz Grzegorz Michał Bolesław"),
        words("Kowalski Wiśniewski Wójcik Szczęsny Dąbrowski Brzęczyszczykiewicz"),
    ),
    Names(
        "ru",
        5,
        women("Наталья Ольга Екатерина Светлана") + men("Сергей Дмитрий Алексей Иван"),
        ["Иваненко", "Петренко", "Ковальчук", "Гончаренко", "Шевчук"],
    ),
    Names(
        "vi",
        3,
        women("Hương Lan Thảo") + men("Minh Tuấn Đức"),
        ("Nguyễn", "Trần", "Phạm", "Lê", "Hoàng"),
    ),
)
ROCHESTER = (
    Names(
        "en",
        66,
        women(
            "Mary Patricia Jennifer Linda Elizabeth Susan Jessica Olivia Emma Ava Charlotte "
            "Amelia Harper Evelyn Mary-Kate Siobhán Zoë Renée Mae Ruth"
        )
        + men(
            "James Robert John Michael David William Richard Joseph Liam Noah Oliver Elijah "
            "Theodore Henry DeShawn Tyrone Seán Bo Walter Eugene"
        ),
        words(
            "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Moore "
            "Jackson Martin Thompson White Harris Clark Lewis Robinson Walker Young Allen "
            "King Wright Hill O'Brien O'Connor D'Angelo McAllister MacGillicuddy St._Clair "
            "Featherstonehaugh-Cholmondeley Wolfeschlegelsteinhausenbergerdorff Ng Ek"
        ),
    ),
    Names(
        "es",
        16,
        women("María_José Guadalupe Sofía Inés") + men("José_Luis Ángel Íñigo"),
        ("García Márquez", "Hernández", "Muñoz", "Peña", "Rodríguez", "de la Cruz", "Núñez"),
    ),
    Names(
        "zh",
        7,
        women("Wei Xiulan Mei Yan") + men("Jun Lei Haoran Bo"),
        ("Wang", "Li", "Zhang", "Chen", "Ouyang"),
    ),
    Names(
        "he",
        4,
        [("נועה", "female"), ("תמר", "female"), ("דוד", "male"), ("יונתן", "male")],
        ("כהן", "לוי", "מזרחי", "בן־דוד"),
    ),
    Names(
        "fr",
        4,
        women("Éloïse Chloé Françoise") + men("François Étienne Loïc"),
        ("Lefèvre", "L'Écuyer", "Bélanger", "d'Estaing"),
    ),
    Names(
        "uk",
        3,
        women("Оксана Ірина Марія") + men("Андрій Олег Тарас"),
        ("Шевченко", "Коваленко", "Бондаренко"),
    ),
)


def berlin_numbers() -> Iterator[str]:
    return (f"+493023125{number:03d}" for number in range(1000))


def rochester_numbers() -> Iterator[str]:
    return (f"+1{area}55501{number:02d}" for area in (585, 716, 315, 607) for number in range(100))


def patients(
    count: int,
    *,
    rng: Random,
    today: date,
    names: Sequence[Names],
    numbers: Iterator[str],
    streets: Sequence[str],
    around: Sequence[tuple[float, float]],
) -> list[dict[str, Any]]:
    """Field values of ``count`` patient records.

    Args:
        numbers: telephone numbers, E.164; used again when they run out.
        streets: address patterns with ``{number}``.
        around: latitude and longitude of the places they live near.
    """
    phones = cycle(list(numbers))
    made = []
    for number in range(1, count + 1):
        kin = rng.choices(names, [each.weight for each in names])[0]
        first, sex = rng.choice(kin.first)
        latitude, longitude = near(rng.choice(around), rng)
        is_child = rng.random() < SHARE_OF_CHILDREN
        made.append(
            {
                "mrn": f"P{number:07d}",
                "first_name": first,
                "last_name": rng.choice(kin.last),
                "sex": sex if rng.random() < 0.96 else rng.choice(("other", "unknown")),
                "birth_date": born(rng, today, is_child=is_child),
                "phone": next(phones) if rng.random() < 0.93 else "",
                "email": f"patient{number}@example.org" if rng.random() < 0.7 else "",
                "address": rng.choice(streets).format(number=rng.randint(1, 148)),
                "latitude": latitude,
                "longitude": longitude,
                "language": kin.language,
                "communication_needs": needs(rng),
                "consents_to_sms": rng.random() < 0.7,
                "consents_to_email": rng.random() < 0.6,
                "consents_to_data_sharing": rng.random() < 0.4,
                "notes": rng.choice(NOTES) if rng.random() < 0.12 else "",
            }
        )
    return made


def near(place: tuple[float, float], rng: Random) -> tuple[float, float]:
    """A point some kilometres from a place, most of them close by."""
    distance = min(abs(rng.gauss(0, 6)) + 0.3, 25) / KM_PER_DEGREE
    angle = rng.uniform(0, math.tau)
    latitude = place[0] + distance * math.sin(angle)
    longitude = place[1] + distance * math.cos(angle) / math.cos(math.radians(place[0]))
    return round(latitude, 5), round(longitude, 5)


def born(rng: Random, today: date, *, is_child: bool) -> date:
    youngest, oldest = (0, CHILD_YEARS - 1) if is_child else (CHILD_YEARS + 1, 96)
    years = rng.triangular(youngest, oldest, 55) if not is_child else rng.uniform(0.1, oldest)
    return today - timedelta(days=int(years * 365.25) + rng.randint(0, 300))


def needs(rng: Random) -> list[str]:
    if rng.random() > 0.15:
        return []
    return sorted(rng.sample(NEEDS, rng.choice((1, 1, 1, 2))))
