"""Errors of an analysis that meets what is not finite, with the place where it begins."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from gradflow.errors import NotFiniteError, PrecisionError

Method = TypeVar("Method", bound=Callable[..., Any])


def told(method: Method) -> Method:
    """Return a method of a run whose refusals say at which step and operation its fault begins.

    The run is searched only once the method has failed for want of finite numbers.
    """

    @wraps(method)
    def call(run: Any, *args: Any, **options: Any) -> Any:
        try:
            return method(run, *args, **options)
        except (NotFiniteError, PrecisionError) as error:
            found = run.fault()
            if found is None:
                raise
            raise type(error)(f"{error} It begins here: {found}") from None

    return cast("Method", call)
