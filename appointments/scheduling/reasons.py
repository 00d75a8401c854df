"""Why a slot scores as it does, in plain words."""

from appointments.scheduling import no_show, scoring
from appointments.scheduling.ranking import Found
from appointments.scheduling.slots import HOUR, MINUTE, Ints

NOTICEABLE_POINTS = 3
NOTICEABLE_MINUTES = 5
MAIN_REASONS = 2


def factor_reasons(found: Found, row: int) -> dict[str, str]:
    """One reason per factor for the slot in ``row``."""
    return {
        "provider_availability": _fit(found, row),
        "patient_priority": _soon(found, row),
        "no_show_risk": _risk(found, row),
        "geographic_proximity": _journey(found, row),
        "patient_preference": _wishes(found, row),
    }


def summary(found: Found, row: int, reasons: dict[str, str]) -> str:
    """One line: what lifts this slot most above the average one."""
    gain = {
        name: getattr(found.weights, name) * (found.factors[name][row] - found.means[name])
        for name in scoring.FACTORS
    }
    main = sorted(gain, key=lambda name: -gain[name])[:MAIN_REASONS]
    words = "; ".join(reasons[name] for name in main)
    return words[:1].upper() + words[1:]


def _fit(found: Found, row: int) -> str:
    slots = found.free.slots
    unit = int(found.free.calendar.windows.grid[slots.window[row]]) // MINUTE
    if found.orphans[row]:
        return f"leaves a rest of {unit} min or less, which is hard to fill"
    before, after = slots.gap_before[row] == 0, slots.gap_after[row] == 0
    if before and after:
        return "fills a gap exactly"
    if (before and slots.meets_before[row]) or (after and slots.meets_after[row]):
        return "adjacent to another visit, leaves no gap"
    if before:
        return "first of the session, leaves no gap"
    if after:
        return "last of the session, leaves no gap"
    return "in the middle of free time"


def _soon(found: Found, row: int) -> str:
    days, demand = int(found.lead_days[row]), found.demand
    when = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    if demand.max_wait_days is not None and days > demand.max_wait_days:
        return f"{when}, later than the {demand.max_wait_days} days this visit may wait"
    if days <= demand.target_days:
        return f"{when}, as soon as it should be"
    return f"{when}; {demand.target_days:g} days would be better"


def _risk(found: Found, row: int) -> str:
    here, (least, worst) = 100 * found.missed[row], found.missed_percent
    if worst - here >= NOTICEABLE_POINTS:
        return (
            f"chance of a missed visit {here:.0f} %, "
            f"{worst - here:.0f} points lower than at the riskiest time"
        )
    if worst - least < NOTICEABLE_POINTS:
        return f"chance of a missed visit {here:.0f} %, much the same at every time"
    return f"chance of a missed visit {here:.0f} %, among the riskier times"


def main_risks(found: Found, rows: Ints) -> list[list[str]]:
    """What raises or lowers the chance of a missed visit in each of these rows, strongest first."""
    return no_show.reasons(
        found.model,
        found.history,
        lead_days=found.lead_days[rows],
        hours=found.free.clock[rows] // HOUR,
        weekdays=found.free.weekday[rows],
    )


def _journey(found: Found, row: int) -> str:
    if found.free.wish.telehealth:
        return "no journey"
    minutes = found.minutes[row]
    if minutes != minutes:  # NaN: not known
        return "journey not known"
    extra = minutes - found.shortest_minutes
    if extra < NOTICEABLE_MINUTES:
        return f"about {minutes:.0f} min to travel, the shortest on offer"
    return f"about {minutes:.0f} min to travel, {extra:.0f} more than the shortest"


def _wishes(found: Found, row: int) -> str:
    stated = found.free.facts["preference"] or {}
    words = {
        "provider": ("with a preferred provider", "not with a preferred provider"),
        "time": ("at a preferred time of day", "not at a preferred time of day"),
        "day": ("on a preferred weekday", "not on a preferred weekday"),
    }
    asked = {
        "provider": stated.get("provider_ids"),
        "time": stated.get("preferred_times"),
        "day": stated.get("preferred_days"),
    }
    said = [words[name][0 if found.wishes_met[name][row] else 1] for name in words if asked[name]]
    return ", ".join(said) or "no wishes known"
