from reccore.serve.cache.owed import EVERYONE, Owed


def test_a_debt_is_settled_only_by_a_payment_made_after_it() -> None:
    owed = Owed()
    first = owed.add("ann")
    second = owed.add("ann")
    owed.paid("ann", first)
    assert owed.has("ann")
    owed.paid("ann", second)
    assert not owed.has("ann")
    owed.paid("ann", second)  # once is enough


def test_past_its_bound_everybody_is_owed() -> None:
    owed = Owed(most=2)
    for person in ("ann", "bob", "cid"):
        owed.add(person)
    assert owed.has("somebody else")
    ((who, number),) = owed.some()
    assert who == EVERYONE
    owed.add("dan")
    owed.paid(EVERYONE, number)  # dan came after
    assert owed.has("ann")
    ((_, number),) = owed.some()
    owed.paid(EVERYONE, number)
    assert not owed.has("ann")
    assert len(owed) == 0
