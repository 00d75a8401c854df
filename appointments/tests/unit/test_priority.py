from hypothesis import given
from hypothesis import strategies as st

from appointments.scheduling.priority import Rule, matching, strictest

URGENCIES = st.sampled_from(["urgent", "priority", "routine"])
RULES = st.builds(
    Rule,
    name=st.text("abc", min_size=1, max_size=3),
    type_ids=st.frozensets(st.integers(1, 3), max_size=2),
    specialties=st.frozensets(st.sampled_from(["Cardiology", "Radiology"]), max_size=2),
    diagnosis_codes=st.lists(st.sampled_from(["E11", "E11.9", "I21"]), max_size=2).map(tuple),
    base_priority_score=st.floats(0, 100),
    urgency_multiplier=st.floats(0.1, 10),
    max_wait_days=st.none() | st.integers(0, 365),
    requires_same_day=st.booleans(),
)


@given(st.lists(RULES, max_size=5), RULES, URGENCIES)
def test_one_more_rule_never_makes_the_demand_laxer(rules, rule, urgency):
    before, after = strictest(rules, urgency), strictest([*rules, rule], urgency)
    assert after.target_days <= before.target_days
    assert after.requires_same_day >= before.requires_same_day
    assert after.urgency_multiplier >= before.urgency_multiplier
    assert after.base_priority_score >= before.base_priority_score
    if before.max_wait_days is not None:
        assert after.max_wait_days is not None
        assert after.max_wait_days <= before.max_wait_days


@given(st.lists(RULES, max_size=5).flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))))
def test_the_order_of_rules_does_not_matter(both):
    rules, shuffled = both
    assert strictest(rules, "routine") == strictest(shuffled, "routine")


@given(st.lists(RULES, max_size=5), URGENCIES)
def test_more_urgency_is_never_laxer_and_no_target_is_zero(rules, urgency):
    demand = strictest(rules, urgency)
    assert strictest(rules, "urgent").target_days <= demand.target_days
    assert demand.target_days > 0
    assert demand.max_wait_days is None or demand.target_days <= max(demand.max_wait_days, 0.25)


def test_the_urgencys_own_targets_without_rules():
    assert [strictest([], u).target_days for u in ("urgent", "priority", "routine")] == [2, 7, 21]
    demand = strictest([], "routine")
    assert (demand.max_wait_days, demand.requires_same_day, demand.names) == (None, False, ())
    assert not demand.earliest_first


def test_each_respect_takes_its_strictest_rule():
    rules = [
        Rule(name="soon", urgency_multiplier=3, base_priority_score=20),
        Rule(name="limit", max_wait_days=5, base_priority_score=80),
        Rule(name="lax", max_wait_days=90, urgency_multiplier=0.1),
    ]
    demand = strictest(rules, "routine")
    assert demand.target_days == 5
    assert demand.max_wait_days == 5
    assert demand.urgency_multiplier == 3
    assert demand.base_priority_score == 80
    assert demand.earliest_first
    assert demand.names == ("lax", "limit", "soon")
    assert strictest(rules[:1], "routine").target_days == 7


def fits(rule, *, type_id=1, specialties=("Cardiology",), codes=()):
    return matching([rule], type_id=type_id, specialties=specialties, diagnosis_codes=codes) == [
        rule
    ]


def test_every_criterion_that_is_given_must_fit():
    assert fits(Rule(name="all"))
    assert fits(Rule(name="type", type_ids=frozenset({1, 2})))
    assert not fits(Rule(name="type", type_ids=frozenset({2})))
    assert fits(Rule(name="specialty", specialties=frozenset({"cardiology"})))
    assert not fits(Rule(name="specialty", specialties=frozenset({"Radiology"})))
    both = Rule(name="both", type_ids=frozenset({1}), diagnosis_codes=("E11", "I21"))
    assert fits(both, codes=["A00", "E11.9"])
    assert not fits(both, codes=["A00"])
    assert not fits(both)
    assert not fits(both, type_id=2, codes=["E11.9"])
    assert not fits(Rule(name="narrow", diagnosis_codes=("E11.9",)), codes=["E11"])


def test_one_of_several_specialties_is_enough():
    rule = Rule(name="specialty", specialties=frozenset({"cardiology"}))
    assert fits(rule, specialties=("Radiology", "CARDIOLOGY"))
    assert not fits(rule, specialties=())


def test_days_that_were_waited_count():
    rule = Rule(name="two weeks", max_wait_days=14)
    assert strictest([rule], "routine", waited_days=12).max_wait_days == 2
    late = strictest([rule], "routine", waited_days=20)
    assert (late.max_wait_days, late.target_days) == (0, 0.25)
