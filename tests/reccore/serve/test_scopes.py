"""Which rule a path falls under."""

from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.scopes import GRANTS, Rule, Rules


def test_grants_grow() -> None:
    assert GRANTS["read"] < GRANTS["write"] < GRANTS["admin"]


def test_the_longest_prefix_wins_whatever_the_order_given() -> None:
    given_ = [
        Rule("/", None),
        Rule("/v1", "read"),
        Rule("/v1/feedback", "write", frozenset({"POST"})),
        Rule("/v1/admin/", "admin"),
    ]
    for rules in (Rules(given_), Rules(given_[::-1])):
        assert rules.find("GET", "/v1/feedback").scope == "read"
        assert rules.find("POST", "/v1/feedback").scope == "write"
        assert rules.find("POST", "/v1/feedback/7").scope == "write"
        assert rules.find("POST", "/v1/feedbacks").scope == "read"
        assert rules.find("GET", "/v1/admin/x").scope == "admin"
        assert rules.find("GET", "/about").scope is None


def test_exact_covers_nothing_below_and_get_covers_head() -> None:
    rules = Rules([Rule("/", None, exact=True), Rule("/a", None, frozenset({"GET"}))])
    assert rules.find("GET", "/").scope is None
    assert rules.find("GET", "/b").scope == "read"
    assert rules.find("HEAD", "/a").scope is None
    assert rules.find("POST", "/a").scope == "read"


def test_what_no_rule_names_is_not_public() -> None:
    assert Rules([]).find("GET", "/anything").scope == "read"
    assert Rules([], otherwise="admin").find("GET", "/anything").scope == "admin"


SEGMENTS = st.lists(st.sampled_from(["v1", "admin", "adm", "x"]), max_size=4)


@given(prefix=SEGMENTS, path=SEGMENTS)
def test_prefixes_are_of_segments(prefix: list[str], path: list[str]) -> None:
    rules = Rules([Rule("/" + "/".join(prefix), "admin")])
    found = rules.find("GET", "/" + "/".join(path)).scope == "admin"
    assert found == (path[: len(prefix)] == prefix)
