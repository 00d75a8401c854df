"""What waiting-room screens say and show, in the languages that they know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language.  ``{ticket}`` and ``{room}`` stand in ``call``, ``{ticket}`` in
    ``call_without_room``, ``{n}`` in ``waiting``, ``{age}`` in ``stale``."""

    name: str
    call: str
    call_without_room: str
    serving: str
    following: str
    waiting: str
    minutes: str
    nobody_called: str
    nobody_waits: str
    live: str
    stale: str
    sound: str
    is_rtl: bool = False


WORDS: dict[str, Words] = {
    "en": Words(
        name="English",
        call="Ticket {ticket}. Please go to {room}.",
        call_without_room="Ticket {ticket}. It is your turn.",
        serving="Now serving",
        following="Next",
        waiting="{n} waiting",
        minutes="min",
        nobody_called="Nobody is being called",
        nobody_waits="Nobody is waiting",
        live="Live",
        stale="Not up to date: last seen {age} ago",
        sound="Tap once to turn the sound on",
    ),
    "de": Words(
        name="Deutsch",
        call="Nummer {ticket}. Bitte kommen Sie zu: {room}.",
        call_without_room="Nummer {ticket}. Sie sind an der Reihe.",
        serving="Jetzt aufgerufen",
        following="Als Nächstes",
        waiting="{n} warten",
        minutes="Min.",
        nobody_called="Gerade wird niemand aufgerufen",
        nobody_waits="Niemand wartet",
        live="Aktuell",
        stale="Nicht aktuell: Stand vor {age}",
        sound="Einmal tippen, um den Ton einzuschalten",
    ),
    "fr": Words(
        name="Français",
        call="Numéro {ticket}. Veuillez vous rendre : {room}.",
        call_without_room="Numéro {ticket}. C’est votre tour.",
        serving="Numéros appelés",
        following="Suivants",
        waiting="{n} en attente",
        minutes="min",
        nobody_called="Aucun appel en cours",
        nobody_waits="Personne n’attend",
        live="En direct",
        stale="Pas à jour : dernières données il y a {age}",
        sound="Touchez une fois pour activer le son",
    ),
    "es": Words(
        name="Español",
        call="Número {ticket}. Por favor, pase a {room}.",
        call_without_room="Número {ticket}. Es su turno.",
        serving="Llamando a",
        following="Siguientes",
        waiting="{n} en espera",
        minutes="min",
        nobody_called="No se llama a nadie ahora",
        nobody_waits="Nadie espera",
        live="En directo",
        stale="Sin actualizar: últimos datos hace {age}",
        sound="Toque una vez para activar el sonido",
    ),
    "it": Words(
        name="Italiano",
        call="Numero {ticket}. Si accomodi: {room}.",
        call_without_room="Numero {ticket}. È il suo turno.",
        serving="Numeri chiamati",
        following="Prossimi",
        waiting="{n} in attesa",
        minutes="min",
        nobody_called="Nessuna chiamata in corso",
        nobody_waits="Nessuno in attesa",
        live="In diretta",
        stale="Non aggiornato: ultimi dati {age} fa",
        sound="Tocchi una volta per attivare l’audio",
    ),
    "tr": Words(
        name="Türkçe",
        call="{ticket} numara. Lütfen {room} bölümüne geçiniz.",
        call_without_room="{ticket} numara. Sıra sizde.",
        serving="Şimdi çağrılan",
        following="Sıradakiler",
        waiting="{n} kişi bekliyor",
        minutes="dk",
        nobody_called="Şu anda kimse çağrılmıyor",
        nobody_waits="Bekleyen yok",
        live="Canlı",
        stale="Güncel değil: son bilgi {age} önce",
        sound="Sesi açmak için bir kez dokunun",
    ),
    "ar": Words(
        name="العربية",
        call="الرقم {ticket}. يُرجى التوجه إلى {room}.",
        call_without_room="الرقم {ticket}. حان دورك.",
        serving="يُنادى الآن",
        following="التالي",
        waiting="في الانتظار: {n}",
        minutes="دقيقة",
        nobody_called="لا يُنادى أحد الآن",
        nobody_waits="لا أحد في الانتظار",
        live="مباشر",
        stale="غير محدّث: آخر بيانات قبل {age}",
        sound="المس مرة واحدة لتشغيل الصوت",
        is_rtl=True,
    ),
}


def words_of(languages: list[str]) -> Words:
    """Those of the first language, which the screen is written in."""
    return WORDS.get(languages[0] if languages else "en", WORDS["en"])


def range_words(p10: int | None, p90: int | None) -> str:
    """A wait as people read it, without its unit; empty where it is not known."""
    if p10 is None or p90 is None:
        return ""
    if p10 == p90:
        return f"{p90}"
    return f"{p10}–{p90}" if p10 else f"< {p90}"
