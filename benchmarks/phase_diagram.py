"""A phase diagram by theory alone: the exponent of an LSTM over forget bias and gain, one thread.

    python benchmarks/phase_diagram.py [--out DIR] [--quick]

48 points, weights tied and fresh, each a mean over independent populations. What their signs are
worth beside networks is told by `gradflow figure critical_line`.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np

import gradflow as gf
from gradflow.files import write_atomically

GAINS, BIASES = np.linspace(0.5, 4.0, 8), np.arange(-1.0, 5.0)
SMALL = dict.fromkeys(("b_i", "b_o", "b_g"), (0.0, 0.05))
HOW = {"method": "sampled", "size": 400, "populations": 2, "steps": 80}
QUICK = {"method": "sampled", "size": 256, "populations": 2, "steps": 2}


def diagram(tied: bool, quick: bool) -> tuple[np.ndarray, float]:
    """Return the exponents, (gains, biases), and the seconds of one core that they took."""
    gains, biases = (GAINS[::7], BIASES[::5]) if quick else (GAINS, BIASES)
    start = time.process_time()
    found = [
        gf.mean_field(
            "lstm",
            gains=gain,
            biases=SMALL | {"b_f": (bias, 0.05)},
            tied=tied,
            **(QUICK if quick else HOW),
        ).exponent
        for gain in gains
        for bias in biases
    ]
    return np.reshape(found, (len(gains), len(biases))), time.process_time() - start


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Write ``phase_diagram.md`` into ``out``; return the seconds of each kind of weights."""
    seconds, lines = {}, []
    for word, tied in (("tied", True), ("fresh", False)):
        exponents, seconds[word] = diagram(tied, quick)
        share = f"{int((exponents > 0).sum())} of {exponents.size}"
        lines.append(f"| {word} | {exponents.size} | {share} | {seconds[word]:.1f} s |")
        print(lines[-1], flush=True)
    table = "\n".join(
        [
            "# Exponents of an LSTM over forget bias and gain, by theory",
            "",
            f"`python benchmarks/phase_diagram.py{' --quick' * quick}`, gradflow {gf.__version__}, "
            f"NumPy {np.__version__}, Python {platform.python_version()}; time is processor time.",
            "",
            "| weights | points | chaotic | time |",
            "|---|---:|---:|---:|",
            *lines,
            "",
        ]
    )
    write_atomically(out / "phase_diagram.md", table)
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    main(arguments.out, arguments.quick)
