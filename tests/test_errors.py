"""The errors carry the command line's exit codes and are caught as what they are."""

import pytest

from gradflow.errors import GradflowError, InputError, UsageError


@pytest.mark.parametrize(("error", "code"), [(GradflowError, 1), (UsageError, 2), (InputError, 3)])
def test_exit_codes(error, code):
    assert error.exit_code == code
    assert error("one sentence").exit_code == code


@pytest.mark.parametrize("error", [UsageError, InputError])
def test_closer_errors_are_value_errors_and_ours(error):
    with pytest.raises(GradflowError, match=r"^one sentence$"):
        raise error("one sentence")
    with pytest.raises(ValueError, match=r"^one sentence$"):
        raise error("one sentence")


def test_the_two_kinds_are_told_apart():
    assert not issubclass(UsageError, InputError)
    assert not issubclass(InputError, UsageError)
