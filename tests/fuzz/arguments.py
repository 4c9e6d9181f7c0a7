"""Arrays that are none, at every call of `gf.spectra` that takes one: one sentence, nothing raw."""

import numpy as np

import gradflow as gf
from fuzz.attempt import Subject, Told
from gradflow.errors import GradflowError

GOOD = np.random.default_rng(0).normal(size=(6, 3, 3))
# the call by its own name, with the array in the place of one argument
CALLS = {
    "singular_values": lambda v: gf.spectra.singular_values(v),
    "singular_values lags": lambda v: gf.spectra.singular_values(GOOD, v),
    "product_eigenvalues": lambda v: gf.spectra.product_eigenvalues(v),
    "lyapunov_spectrum": lambda v: gf.spectra.lyapunov_spectrum(v, transient=0),
    "product_decay": lambda v: gf.spectra.product_decay(v),
    "gradient_decay": lambda v: gf.spectra.gradient_decay(v, np.ones(3), {"h": slice(0, 3)}),
    "gradient_decay covector": lambda v: gf.spectra.gradient_decay(GOOD, v, {"h": slice(0, 3)}),
    "kreiss_constant": lambda v: gf.spectra.kreiss_constant(v),
}
WRONG = {
    "nothing": lambda rng: None,
    "text": lambda rng: rng.choice(["", "a", "1.5"]),
    "a mapping": lambda rng: {"a": GOOD},
    "objects": lambda rng: np.array([None, 1.0]),
    "complex": lambda rng: GOOD + 1j,
    "masked": lambda rng: np.ma.masked_array(GOOD, GOOD > 0),
    "dates": lambda rng: np.array(["2020-01-01"], dtype="datetime64[D]"),
    "ragged": lambda rng: [[1.0], [1.0, 2.0]],
    "not finite": lambda rng: np.where(rng.random(GOOD.shape) < 0.3, np.nan, GOOD),
    "infinite": lambda rng: np.where(rng.random(GOOD.shape) < 0.3, np.inf, GOOD),
    "another shape": lambda rng: np.ones(rng.integers(1, 4, rng.integers(0, 5))),
    "no units": lambda rng: np.empty((3, 0, 0)),
    "a function": lambda rng: len,
}


def of_arguments(kind, rng):
    call, given = CALLS[kind], str(rng.choice(list(WRONG)))
    value = WRONG[given](rng)
    asked = f"{given}: {value!r}"[:200]
    try:
        with np.errstate(all="raise"):
            found = call(value)
    except GradflowError as error:
        whole = str(error).strip()
        return Told(asked, wrong="" if whole and "\n" not in whole else "no sentence")
    # what fits after all is answered, an answer being a result that says itself in a line
    allowed = given in ("another shape", "nothing")
    return Told(asked, wrong="" if allowed and "\n" not in repr(found) else f"answered {found!r}")


SUBJECTS = (Subject("arguments", tuple(CALLS), of_arguments),)
