import pytest
from happenings import event

from reccore.serve.feedback import FeedbackSettings
from reccore.serve.refusal import Refusal


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "x" * 65),
        ("user", ""),
        ("user", "u" * 257),
        ("user", "half a pair \ud800"),
        ("item", "a\0b"),
        ("kind", "k" * 33),
        ("value", float("nan")),
        ("value", float("inf")),
        ("at", -1),
        ("at", 1_700_000_000_000),
        ("recommendation", ""),
    ],
)
def test_what_no_database_could_hold_is_refused_by_field(field, value):
    with pytest.raises(Refusal) as refused:
        event(**{field: value})
    assert refused.value.status == 422
    assert refused.value.field == field
    assert refused.value.to_json()["error"]["remedy"]


def test_the_longest_that_is_allowed():
    assert event(id="é" * 64, user="日" * 256, recommendation="r" * 64, value=-0.5, at=0)


def test_the_settings_never_show_the_address():
    settings = FeedbackSettings(url="postgresql://u:secret@host/db")
    assert "secret" not in repr(settings)
    assert settings.cutoff(now=395 * 86_400 + 5.5) == 5
