"""Bundles made to hang or to exhaust the checker: each is answered, and hides no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.errors import InputError
from gradflow.proofs.claims.bundle import MOST_BYTES, write
from gradflow.proofs.claims.claim import CERTIFIED, NOT_PROVED
from gradflow.proofs.claims.verify import verify
from gradflow.proofs.coq.check import available
from gradflow.proofs.theorems import theorems
from proofs.forging import HEADER, changed, rehash, written

needs_coq = pytest.mark.skipif(not available(), reason="coqc is not installed")


def evidence(*items):
    def spoil(folder):
        (folder / "evidence.json").write_text(json.dumps(list(items)), "utf-8")
        (folder / "questions.smt2").unlink(missing_ok=True)

    return spoil


def text(name, content):
    def spoil(folder):
        (folder / name).write_bytes(content)

    return spoil


def sparse(folder):
    os.truncate(folder / "evidence.json", 3 * 2**30)


def pipe(folder):
    (folder / "claim.json").unlink()
    os.mkfifo(folder / "claim.json")


def endless(folder):
    (folder / "claim.json").unlink()
    os.symlink("/dev/zero", folder / "claim.json")


def a_folder(folder):
    (folder / "claim.json").unlink()
    (folder / "claim.json").mkdir()


def doubling(folder):
    lines = [f"a{k + 1} = a{k} * a{k} + a{k}" for k in range(40)]
    equations = "\n".join(["a0 = tanh(U @ h)", *lines, "h_next = tanh(a40)"])
    cell = {"name": "lstm", "equations": equations, "state": "h", "maps": "U"}
    changed(
        folder, "cell.json", lambda d: d | {k: "" for k in d if k not in ("masks", "fixed")} | cell
    )


def powers(folder):
    equations = "h_next = " + "(" * 30 + "U @ h" + " + h)**64" * 30
    cell = {"name": "lstm", "equations": equations, "state": "h", "maps": "U"}
    changed(
        folder, "cell.json", lambda d: d | {k: "" for k in d if k not in ("masks", "fixed")} | cell
    )


def identity(**entries):
    one = [["1", []]]
    whole = {"bound": one, "sign": 1, "factors": [one], "hypotheses": [], "summands": []}
    return {
        "kind": "diagonal",
        "diagonal": {
            "text": "a",
            "coefficient": "1",
            "groups": [[whole | entries, whole]],
            "suprema": [],
        },
    }


LONG = [[["1", [["value", f"v{k}", 64]]] for k in range(200)]] * 60
SQUARE = {"kind": "matrix", "entries": [["0", "1"], ["0", "0"]]}
SINGULAR = {
    "kind": "singular",
    "matrix": [[1]],
    "factor": [[1]],
    "shift": 0,
    "factor_shift": 0,
    "side": "max",
    "bound": "2",
}


def costs(root, **options):
    """Level, note, seconds of work and peak memory (KiB) so far of the checker's own children.

    In a process of its own: the peak of this one's is that of all tests before.
    """
    program = (
        "import sys, json, resource\nfrom pathlib import Path\n"
        "from gradflow.proofs.claims.verify import verify\n"
        f"for r in verify(Path(sys.argv[1]), **{options}):\n"
        "    used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "    print(json.dumps([r.level, r.note, used.ru_utime + used.ru_stime, used.ru_maxrss]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        cwd=Path(gf.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


HOSTILE = {
    "an empty matrix": evidence({**SINGULAR, "matrix": []}),
    "a column that is not there": evidence({**SQUARE, "zero_columns": [7]}),
    "brackets without end": text("evidence.json", b"[" * 200_000),
    "objects without end": text("claim.json", b'{"a":' * 200_000),
    "a huge exponent": evidence(
        {
            "kind": "power",
            "base": "1e999999999",
            "exponent": 1,
            "factor": 1,
            "digits": 1,
            "low": "0",
            "high": "1",
        }
    ),
    "a huge power": evidence(
        {
            "kind": "power",
            "base": "9" * 4000,
            "exponent": 100_000,
            "factor": 1,
            "digits": 1,
            "low": "0",
            "high": "1",
        }
    ),
    "a huge nilpotent": evidence({**SQUARE, "nilpotent": 10**10}),
    "a huge shift": evidence({**SINGULAR, "shift": 10**11}),
    "a long number": text("evidence.json", b'[{"kind": "power", "factor": ' + b"9" * 10**6 + b"}]"),
    "a long product": evidence(identity(factors=LONG)),
    "a bound of zero over zero": evidence({**SINGULAR, "bound": "0/0"}),
    "a file of 3 GiB": sparse,
    "a pipe": pipe,
    "a file without end": endless,
    "a folder in place of a file": a_folder,
    "no UTF-8": text("claim.json", b"\xff\xfe"),
    "not a number": text("evidence.json", b"[NaN, Infinity]"),
    "a lone surrogate": text("claim.json", b'{"name": "\\ud800"}'),
    "nothing": text("claim.json", b""),
    "another kind of data": text("claim.json", b"[]"),
    "equations that double": doubling,
    "powers of powers": powers,
    "no hashes": lambda folder: (folder / "hashes.json").unlink(),
}


def test_every_hostile_bundle_is_answered_in_time_and_memory(tmp_path):
    good = written("lstm.upper", tmp_path / "zz")
    for k, spoil in enumerate(HOSTILE.values()):
        folder = written("scalar.upper", tmp_path / f"{k:02d}")
        if k == 0:
            source = folder
        spoil(folder)
        if (
            (folder / "hashes.json").exists()
            and not any(
                (folder / n).is_fifo() or not (folder / n).is_file() for n in ("claim.json",)
            )
            and (folder / "evidence.json").stat().st_size < MOST_BYTES
        ):
            rehash(folder)
    assert source != good
    rows = costs(tmp_path, coq=False)
    assert len(rows) == len(HOSTILE) + 1
    assert rows[-1][0] == CERTIFIED  # the good one is not hidden
    before = 0.0
    for name, (level, note, used, memory) in zip(HOSTILE, rows, strict=False):
        assert level in ("REFUTED", "foreign"), name
        assert note, name
        assert used - before < 10, name  # seconds of work of the process that died, if one did
        assert memory < 2**20, name  # KiB
        before = used


@needs_coq
@pytest.mark.parametrize(
    "script",
    [
        "Definition big := Eval vm_compute in (2 ^ 60)%nat.",
        "Ltac forever := forever. Lemma a : False. Proof. forever. Qed.",
        "Lemma a : (2 ^ 40 = 0)%nat. Proof. vm_compute. Abort.",
    ],
)
def test_a_proof_that_does_not_end_is_stopped(tmp_path, script):
    folder = written("scalar.power_101", tmp_path)
    (folder / "Proof.v").write_text(HEADER + script, "utf-8")
    rehash(folder)
    [(level, _, used, memory)] = costs(folder, seconds=5.0)
    assert level == NOT_PROVED
    assert used < 15
    assert memory < 2**20  # KiB


def test_a_module_in_the_folder_one_is_in_is_not_run(tmp_path):
    written("scalar.upper", tmp_path)
    for name in ("json", "gradflow", "sympy", "resource"):
        (tmp_path / f"{name}.py").write_text("open('run', 'w').close()", "utf-8")
    program = (
        "import sys; sys.path = [p for p in sys.path if p]\n"
        "from pathlib import Path; from gradflow.proofs.claims.verify import verify\n"
        "print([r.level for r in verify(Path('.'), coq=False)])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(gf.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['CERTIFIED']"
    assert not (tmp_path / "run").exists()


def test_an_interrupted_write_leaves_the_bundle_that_was_there(tmp_path, monkeypatch):
    claims = {c.name: c for c in theorems(gf.cells.get("rnn"))}
    folder = write(claims["rnn.upper"], tmp_path)
    whole = {p.name: p.read_bytes() for p in folder.iterdir()}
    real, count = Path.write_text, 0

    def stop(self, *given, **named):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return real(self, *given, **named)

    monkeypatch.setattr(Path, "write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        write(claims["rnn.upper"], tmp_path)
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == whole
    assert [p.name for p in tmp_path.iterdir()] == ["rnn.upper"]

    rename, times = Path.rename, 0

    def stopped(self, target):
        nonlocal times
        times += 1
        if times == 2:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(InputError, match="cannot be written"):
        write(claims["rnn.upper"], tmp_path)
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == whole
    (found,) = verify(folder, coq=False)
    assert found.level == CERTIFIED
