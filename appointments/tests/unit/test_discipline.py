"""The serving order: total, deterministic, fair to those who wait long, and open to staff."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.queue.discipline import (
    BAND_SCORES,
    Band,
    Cause,
    Line,
    Reason,
    Weights,
    bands,
    line_scores,
    reasons,
    serving_order,
)

NOW = 29_000_000.0
NAN = float("nan")
WEIGHTS = Weights()
URGENT, PRIORITY, ROUTINE = (BAND_SCORES[band] for band in Band)


def entry(score=ROUTINE, waited=10, appointment=NAN, minutes=16, rank=NAN, dragged=0):
    """One person; ``waited`` minutes ago, ``appointment`` in minutes from now."""
    dragged = NAN if np.isnan(rank) else NOW + dragged
    return (score, NOW - waited, NOW + appointment, minutes, rank, dragged)


def line_of(*entries):
    columns = np.array(entries, float).reshape(len(entries), 6).T
    return Line(np.arange(1, len(entries) + 1), *columns)


def order(line, weights=WEIGHTS, now=NOW, **options):
    return serving_order(line, now=now, weights=weights, **options).tolist()


def causes(line, **options):
    return [each.cause for each in reasons(line, now=NOW, weights=WEIGHTS, **options)]


@st.composite
def entries(draw, by_hand=False, highest_score=100):
    booked = draw(st.booleans())
    moved = by_hand and draw(st.booleans())
    return entry(
        draw(st.integers(0, highest_score)),
        draw(st.integers(0, 300)),
        draw(st.integers(-120, 120)) if booked else NAN,
        draw(st.integers(1, 90)),
        draw(st.integers(1, 12)) if moved else NAN,
        draw(st.integers(-60, 0)),
    )


def lines(**options):
    return st.lists(entries(**options), max_size=8).map(lambda found: line_of(*found))


weights = st.builds(Weights, *[st.integers(0, 10)] * 2, st.integers(1, 10))


def shuffled(line, rows):
    return Line(*[getattr(line, name)[rows] for name in Line.__slots__])


@given(lines(by_hand=True), weights, st.booleans())
def test_every_entry_has_one_place(line, chosen, fifo):
    assert sorted(order(line, chosen, fifo=fifo)) == list(range(len(line)))


@given(lines(by_hand=True), weights, st.booleans(), st.randoms())
def test_the_order_does_not_depend_on_the_rows(line, chosen, fifo, random):
    rows = list(range(len(line)))
    random.shuffle(rows)
    mixed = shuffled(line, rows)
    served = mixed.entry_id[order(mixed, chosen, fifo=fifo)]
    assert served.tolist() == line.entry_id[order(line, chosen, fifo=fifo)].tolist()


@given(lines(), weights, st.sampled_from([0.25, 2.0, 10.0, 1000.0]))
def test_only_the_ratios_of_the_weights_matter(line, chosen, factor):
    scaled = Weights(*[factor * getattr(chosen, name) for name in Weights.__slots__])
    assert order(line, scaled) == order(line, chosen)


@given(lines(), weights, st.booleans())
def test_the_urgent_are_served_before_anybody_else(line, chosen, fifo):
    urgent = (bands(line.priority_score) == Band.URGENT)[order(line, chosen, fifo=fifo)]
    assert urgent.tolist() == sorted(urgent.tolist(), reverse=True)


@given(lines(highest_score=74), weights)
def test_nobody_passes_a_person_who_waits_past_the_guard(line, chosen):
    """Except the urgent, and those who have waited even longer."""
    owed = NOW - np.fmax(line.arrived, line.appointment)
    served = owed[order(line, chosen, guard_minutes=60)]
    guarded = served[served > 60].tolist()
    assert served[: len(guarded)].tolist() == sorted(guarded, reverse=True)


@given(weights, st.integers(1, 90), st.integers(0, 74))
def test_whoever_waits_is_served_although_new_people_keep_coming(chosen, minutes, score):
    """One person against one better placed newcomer per minute: the guard ends it."""
    for minute in range(62):
        newcomer = entry(74, waited=0, minutes=1)
        line = line_of(entry(score, waited=minute, minutes=minutes), *[newcomer] * 3)
        if order(line, chosen)[0] == 0:
            return
    pytest.fail("still waiting after the guard")


@given(lines())
def test_fifo_is_a_sort_by_class_and_arrival(line):
    rows = sorted(
        range(len(line)),
        key=lambda row: (
            bands(line.priority_score)[row],
            line.arrived[row],
            line.entry_id[row],
        ),
    )
    assert order(line, fifo=True) == rows


@given(lines(by_hand=True))
def test_the_rest_keeps_its_order_when_others_are_moved(line):
    moved = ~np.isnan(line.manual_rank)
    free = replace(line, manual_rank=np.full(len(line), NAN))
    left = [row for row in order(free) if not moved[row]]
    assert [row for row in order(line) if not moved[row]] == left


@given(st.permutations(range(1, 9)), st.integers(0, 8))
def test_distinct_ranks_are_held_exactly(ranks, count):
    people = [entry(rank=rank) for rank in ranks[:count]] + [entry()] * (8 - count)
    places = {row: place for place, row in enumerate(order(line_of(*people)), start=1)}
    assert [places[row] for row in range(count)] == ranks[:count]


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        # The urgent give way to a hand.
        ([entry(URGENT), entry(rank=1)], [1, 0]),
        # The later drag takes the rank, the earlier one follows.
        ([entry(rank=2, dragged=-5), entry(rank=2, dragged=-1), entry()], [2, 1, 0]),
        # A line shorter than the rank ends with the entry, lower ranks first.
        ([entry(rank=9), entry(rank=7), entry()], [2, 1, 0]),
    ],
)
def test_ranks_by_hand(people, expected):
    assert order(line_of(*people)) == expected


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        # On time: the appointment decides, not how early somebody came.
        ([entry(appointment=20, waited=60), entry(appointment=-5, waited=8)], [1, 0]),
        # 15 minutes late are forgiven, 16 are not.
        ([entry(appointment=-30, waited=14), entry(appointment=-29, waited=14)], [1, 0]),
        # A short visit passes an equal long one,
        ([entry(minutes=40), entry(minutes=10)], [1, 0]),
        # but not a person past the guard.
        ([entry(waited=61, minutes=90), entry(waited=60, minutes=1)], [0, 1]),
        # Priority counts against a wait of some minutes.
        ([entry(ROUTINE, waited=20), entry(PRIORITY, waited=5)], [1, 0]),
        ([entry(ROUTINE, waited=40), entry(PRIORITY, waited=5)], [0, 1]),
        # Long before an appointment the length of the visit does not count.
        ([entry(0, appointment=60, minutes=10), entry(0, appointment=60, minutes=40)], [0, 1]),
        # Equals follow by arrival, then by number.
        ([entry(), entry()], [0, 1]),
    ],
)
def test_dynamic_order(people, expected):
    assert order(line_of(*people)) == expected


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (0, Band.ROUTINE),
        (39.9, Band.ROUTINE),
        (40, Band.PRIORITY),
        (74.9, Band.PRIORITY),
        (75, Band.URGENT),
        (100, Band.URGENT),
    ],
)
def test_bands(score, band):
    assert bands(np.array([float(score)])).tolist() == [band]


def test_without_alpha_the_length_of_a_visit_does_not_matter():
    assert order(line_of(entry(minutes=90), entry(minutes=1)), alpha=0) == [0, 1]


def test_a_score_is_the_formula():
    """.5·50 + .3·100·20/30 + .2·100·20/60, times √(16/4), shown on a scale to 100."""
    line = line_of(entry(PRIORITY, waited=20, minutes=4))
    expected = (25 + 20 + 20 / 3) * 2
    shown = line_scores(line, now=NOW, weights=WEIGHTS)
    assert shown == pytest.approx([100 * expected / (100 + expected)])


@given(lines(), weights)
def test_scores_shown_lie_between_0_and_100(line, chosen):
    shown = line_scores(line, now=NOW, weights=chosen)
    assert ((shown >= 0) & (shown < 100)).all()


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (entry(URGENT, rank=3), Reason(Cause.BY_HAND)),
        (entry(URGENT, waited=90), Reason(Cause.URGENT)),
        (entry(waited=75), Reason(Cause.LONG_WAIT, 75)),
        (entry(PRIORITY, waited=5), Reason(Cause.PRIORITY)),
        (entry(waited=5, minutes=3), Reason(Cause.SHORT_VISIT)),
        (entry(waited=25), Reason(Cause.ARRIVAL, 25)),
        (entry(waited=25, appointment=-12), Reason(Cause.APPOINTMENT_PASSED, 12)),
        (entry(waited=25, appointment=12), Reason(Cause.APPOINTMENT_AHEAD, 12)),
        (entry(waited=10, appointment=-50), Reason(Cause.CAME_LATE, 40)),
    ],
)
def test_reasons(person, reason):
    assert reasons(line_of(person), now=NOW, weights=WEIGHTS) == [reason]


@pytest.mark.parametrize("fifo", [False, True])
def test_an_empty_line(fifo):
    assert order(line_of(), fifo=fifo) == []
    assert reasons(line_of(), now=NOW, weights=WEIGHTS, fifo=fifo) == []
    assert not len(line_scores(line_of(), now=NOW, weights=WEIGHTS))


def test_fifo_has_no_other_reasons_than_class_and_arrival():
    people = [entry(URGENT), entry(PRIORITY), entry(waited=75), entry(appointment=-12, minutes=1)]
    assert causes(line_of(*people), fifo=True) == [
        Cause.URGENT,
        Cause.PRIORITY,
        Cause.ARRIVAL,
        Cause.ARRIVAL,
    ]


@pytest.mark.parametrize("cause", Cause)
def test_every_reason_has_words(cause):
    assert "{" not in Reason(cause, 12).say("09:40")


def test_a_reason_in_words():
    said = Reason(Cause.APPOINTMENT_PASSED, 12).say("09:40")
    assert said == "appointment 09:40 was 12 min ago"


@pytest.mark.parametrize("values", [(-0.1, 1, 1), (0, 0, 0), (NAN, 1, 1), (float("inf"), 1, 1)])
def test_senseless_weights_are_refused(values):
    with pytest.raises(ValueError, match="weight"):
        Weights(*values)


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="length"):
        replace(line_of(entry()), arrived=np.zeros(2))
