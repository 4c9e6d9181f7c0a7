"""Records by name: gradflow's own, registered ones, other packages', and what is said of others."""

from fractions import Fraction
from importlib.metadata import EntryPoint

import pytest

from gradflow.errors import InputError, UsageError
from gradflow.registry import Registry


def fractions(**found):
    made = Registry(
        kind="fraction",
        group="gradflow.fractions",
        type="fractions:Fraction",
        own={"half": Fraction(1, 2), "zero": "tests_fraction:ZERO", "text": "fractions:__doc__"},
        advice="make your own by Fraction(p, q)",
    )
    entries = {name: EntryPoint(name, value, "gradflow.fractions") for name, value in found.items()}
    made.__dict__["_foreign"] = entries  # what importlib.metadata would have found
    return made


def test_own_records_are_loaded_when_asked_for():
    registry = fractions()
    assert registry.get("half") == Fraction(1, 2)
    assert registry.names() == ("half", "zero", "text")
    with pytest.raises(ModuleNotFoundError):
        registry.get("zero")


def test_a_record_is_registered_once_and_only_of_its_kind():
    registry = fractions()
    third = Fraction(1, 3)
    assert registry.register("third", third) is third
    assert registry.get("third") is third
    assert "third" in registry
    with pytest.raises(UsageError, match="fraction 'third' is there already"):
        registry.register("third", third)
    with pytest.raises(UsageError, match="fraction 'half' is there already"):
        registry.register("half", third)
    with pytest.raises(InputError, match="fraction 'float' is a float, no Fraction"):
        registry.register("float", 0.5)
    assert "float" not in registry


def test_another_packages_records():
    registry = fractions(one="fractions:Fraction.__new__", broken="nowhere:x", odd="math:pi")
    assert registry.names() == ("half", "zero", "text", "one", "broken", "odd")
    with pytest.raises(InputError, match="fraction 'broken': loading its entry point nowhere:x"):
        registry.get("broken")
    with pytest.raises(InputError, match="fraction 'odd' is a float, no Fraction"):
        registry.get("odd")


def test_an_unknown_name_says_what_is_known():
    with pytest.raises(UsageError) as caught:
        fractions().get("hlaf")
    assert str(caught.value) == (
        "unknown fraction 'hlaf': did you mean 'half'? known are half, zero, text; make your own "
        "by Fraction(p, q)."
    )
    with pytest.raises(InputError, match="fraction 'text' is a str, no Fraction"):
        fractions().get("text")


def test_all_records_in_order():
    registry = Registry(kind="n", group="gradflow.none", type="builtins:int", own={"a": 1, "b": 2})
    registry.register("c", 3)
    assert list(registry) == [1, 2, 3]
