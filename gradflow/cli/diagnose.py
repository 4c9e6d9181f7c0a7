"""``gradflow diagnose FILE``: how far the gradient of a trained network reaches, and what helps."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from gradflow.cli.console import folded, output, print_json, progress
from gradflow.errors import GradflowError, UsageError

__all__ = ["diagnose"]

_CONDITION = re.compile(r"^\s*(horizon|left|directions)\s*<\s*([0-9.eE+-]+)\s*$")


class Failed(GradflowError):
    """A condition of ``--fail-if`` that holds."""


def diagnose(
    file: Path,
    /,
    *later: Path,
    input: Annotated[str | None, Parameter(name="--input")] = None,
    head: Path | None = None,
    need: int = 100,
    vocabulary: Path | None = None,
    targets: Path | None = None,
    lengths: Path | None = None,
    loss: Literal["cross-entropy", "squared error"] | None = None,
    at: Literal["last", "every"] | None = None,
    lose: float = 0.05,
    fact: tuple[str, ...] = (),
    check: tuple[Path, Path] | None = None,
    fail_if: str | None = None,
    paths: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    seed: int = 0,
    out: Path | None = None,
    format: str | None = None,
) -> None:
    """Diagnose a trained network from its file of weights.

    gradflow diagnose model.pt --input data.npy --need 100 --fail-if "horizon<100"

    gradflow diagnose epoch1.pt epoch5.pt epoch20.pt --input data.npy --need 100

    gradflow diagnose model.pt --input data.npy --out model.html

    Parameters
    ----------
    file
        safetensors, .pt, .npz, .keras, .h5, .msgpack, .onnx, .eqx or a folder of Orbax.
    later
        Later checkpoints of the same training: a table then tells what became of the gradient.
    input
        A .npy (also of several sequences, or of symbols), .npz, .csv or text file; made-up input
        by default.
    head
        A .npz file with weight (outputs, units) and perhaps bias; by default that of the file.
    need
        The lag that the task needs.
    vocabulary
        A text file with the network's characters in their order, for a text as input.
    targets
        A .npy file: what the loss compares with, one a sequence or one a step; negative symbols
        and rows with NaN count as none.
    lengths
        A .npy file: where each of the padded sequences of a .npy input ends.
    loss
        By default the cross-entropy of the head where there is one, else a random read-out.
    at
        Where the loss is, the last step or every one; by default what the targets show.
    lose
        Share of the parameter gradient that truncation may leave out, for the window advised.
    fact
        What the file does not say, for example nonlinearity=relu, reset_after=false, gates=ifgo,
        only=encoder, orthogonal_map=cayley.
    check
        Two .npy files: an input (T, inputs), and what the framework's top layer gave for it (T,
        units). The readings of the file are tried until one gives the same.
    fail_if
        End with 1 if it holds of the last checkpoint: horizon<100 (steps), left<0.01 (share at the
        lag needed) or directions<3.
    paths
        Split the gradient by path in networks of over 300 states too.
    json_
        Print the numbers as JSON.
    seed
        Of made-up input, read-out and freshly drawn remedies.
    out
        Write the report of it, too; of several checkpoints, of the last. Its ending says the
        format: html, pdf, tex, md, json or ipynb.
    format
        The format of the report, whatever the ending.
    """
    from gradflow.reporting.render.formats import format_of
    from gradflow.studies.diagnosis.checkpoints import Course, course_lines
    from gradflow.studies.diagnosis.diagnosis import STAGES
    from gradflow.studies.diagnosis.diagnosis import diagnose as diagnosed
    from gradflow.studies.diagnosis.telling.json import as_json
    from gradflow.studies.diagnosis.telling.report import report_lines

    condition = None if fail_if is None else _condition(fail_if)
    if out is not None:
        format = format_of(out, format)
    facts = _facts(fact)
    networks: list[Any] = [file, *later]
    settled = None
    if check is not None:
        settled = _settled(file, check, facts)
        networks[0], facts = settled.network, {**facts, **settled.facts}
    options: dict[str, Any] = {
        "need": need,
        "targets": None if targets is None else _array(targets, "--targets"),
        "lengths": None if lengths is None else _array(lengths, "--lengths"),
        "loss": loss,
        "at": at,
        "lose": lose,
        "head": None if head is None else _head(head),
        "vocabulary": None if vocabulary is None else _characters(vocabulary),
        "paths": paths,
        "seed": seed,
    }
    with progress(len(STAGES) * len(networks)) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is assumed is printed
        made = [diagnosed(n, input, progress=advance, **options, **facts) for n in networks]
    found = made[-1]
    if out is not None:
        from gradflow.provenance import command
        from gradflow.reporting.diagnosed import report_diagnosis

        named = {
            "--input": input,
            "--head": head,
            "--need": need,
            "--vocabulary": vocabulary,
            "--targets": targets,
            "--lengths": lengths,
            "--loss": loss,
            "--at": at,
            "--lose": lose,
            "--seed": seed,
        }
        words = [w for name, value in named.items() if value is not None for w in (name, value)]
        words += ["--paths"] * paths
        words += [w for one in fact for w in ("--fact", one)]
        words += [] if check is None else ["--check", *check]
        made_by = command("gradflow", "diagnose", file, *later, *words)
        report_diagnosis(found, out, format=format, command=made_by)
    if json_:
        shown = [as_json(one) for one in made]
        print_json(shown[0] if len(shown) == 1 else shown)
    elif len(made) > 1:
        for line in course_lines(Course(tuple(made)), output().width):
            print(line)
    else:
        for line in report_lines(found):
            print(folded(line), flush=True)
        if settled is not None:
            print(f"\nChecked: {settled!r}")
    if out is not None and not json_:
        print(f"\nreport: {out}")
    if condition is not None:
        what, limit = condition
        numbers = found.numbers()
        value = {
            "horizon": numbers["loss_horizon"],
            "left": 10 ** numbers["log10_left"],
            "directions": numbers.get("directions", math.nan),
        }[what]
        steps = found.subject.losses.longest
        if what == "horizon" and math.isinf(value) and steps < limit:
            raise Failed(
                f"--fail-if {fail_if}: the gradient is followed over {steps} steps only, within "
                "which no horizon is reached; give longer sequences."
            )
        if what != "horizon" and found.need < need:
            raise Failed(
                f"--fail-if {fail_if}: no loss has more than {found.need} steps before it, and "
                f"{what} is asked for at lag {need}; give longer sequences."
            )
        if not value >= limit:
            raise Failed(f"--fail-if {fail_if}: {what} is {value:.4g}.")


def _condition(text: str) -> tuple[str, float]:
    match = _CONDITION.match(text)
    try:
        if match is not None:
            return match[1], float(match[2])
    except ValueError:
        pass
    raise UsageError(
        f"--fail-if: {text!r} is no condition; write horizon<100, left<0.01 or directions<3."
    )


def _facts(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--fact: {one!r} is no fact; write for instance nonlinearity=relu.")
        found[name] = {"true": True, "false": False}.get(value.lower(), value)
    return found


def _settled(file: Path, check: tuple[Path, Path], facts: dict[str, Any]) -> Any:
    from gradflow.networks import settle

    arrays = [_array(path, "--check") for path in check]
    return settle(file, *arrays, **facts)


def _array(path: Path, option: str) -> Any:
    from gradflow.networks.readers.npy import read_array

    try:
        return read_array(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{option}: {path} cannot be read ({error.strerror}).") from None


def _head(path: Path) -> Any:
    from gradflow.networks.formats import contents_of

    _, contents = contents_of(path)
    if "weight" not in contents.arrays:
        raise UsageError(f"--head: {path} holds no array named weight; save weight and bias.")
    weight = contents.arrays["weight"].read(f"{path}, weight,")
    if "bias" not in contents.arrays:
        return weight
    return weight, contents.arrays["bias"].read(f"{path}, bias,")


def _characters(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--vocabulary: {path} cannot be read as UTF-8 text ({error}).") from None
    return "".join(dict.fromkeys(text.removesuffix("\n")))
