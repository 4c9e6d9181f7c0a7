"""A watch beside a loop of one's own: what it says is what gradflow says of the same weights."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import gradflow as gf
from gradflow import training
from gradflow.errors import UsageError
from gradflow.training.beside import pacing
from gradflow.training.beside.subject import Subject

X = np.random.default_rng(0).standard_normal((3, 9, 2))


def shrinking(updates, every, **options):
    """Watch a loop without torch that halves the recurrent map at each update."""
    params = gf.cells.rnn.init(hidden=4, inputs=2, rng=0)
    with gf.watch(("rnn", params), X, every=every, **options) as seen:
        for k in range(updates):
            params["U"] *= 0.5
            seen.update(float(k))
    return seen.record(), params


def test_a_loop_without_torch():
    found, params = shrinking(5, 2)
    assert found.update.tolist() == [0, 2, 4]
    assert found.loss.tolist() == [0, 1, 2, 3, 4]
    assert found.lags.tolist() == list(range(9))
    assert found.reach[:, :, 0] == pytest.approx(0, abs=0)
    for k, update in enumerate(found.update):
        scaled = {**params, "U": params["U"] * 0.5 ** (update - 5)}
        run = gf.run("rnn", scaled, X)
        row = np.random.default_rng(0).standard_normal(4) / math.sqrt(4)
        logs = run.gradient_decay(row).log_norm
        assert np.abs((logs - logs[:, :1])[:, :9] - found.reach[k]).max() < 1e-10
        # the oracle sees a change of a thousandth in the weights
        other = gf.run("rnn", {**scaled, "U": 1.001 * scaled["U"]}, X).gradient_decay(row).log_norm
        assert np.abs((other - other[:, :1])[:, :9] - found.reach[k]).max() > 1e-4
        values = run.one(0).singular_values([4]).log_sigma
        assert found.directions[k] == (values > math.log(0.01)).sum()
    assert found.directions[0] > found.directions[-1]
    assert found.jumps().tolist() == [2, 3, 4, 5]
    assert np.isnan(found.norm).all()


def test_units_that_are_dead_or_saturated():
    params = gf.cells.irnn.init(hidden=3, inputs=2, rng=0)
    params["W"][:], params["b"] = 0, np.array([-1.0, 0.5, 0.5])
    with gf.watch(("irnn", params), X) as seen:
        pass
    assert seen.record().dead.tolist() == [1]
    rnn = {"W": np.zeros((2, 2)), "U": np.zeros((2, 2)), "b": np.array([9.0, 0.1])}
    with gf.watch(("rnn", rnn), X) as seen:
        pass
    assert (seen.record().saturated[0], seen.record().dead[0]) == (1, 2)
    assert seen.record().reach[0, :, 1].tolist() == [-np.inf] * 3  # W = 0 passes nothing on


def test_one_step_and_one_unit():
    params = gf.cells.rnn.init(hidden=1, inputs=2, rng=0)
    with gf.watch(("rnn", params), X[0, :1], every=1) as seen:
        seen.update(1)
    assert seen.record().reach.shape == (2, 1, 1)


def test_an_interrupted_loop_keeps_what_was_recorded():
    params = gf.cells.rnn.init(hidden=2, inputs=2, rng=0)
    watching = gf.watch(("rnn", params), X, every=1)
    seen = watching.__enter__()
    seen.update(1.0)
    interrupt = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        watching.gen.throw(interrupt)
    assert seen.record().update.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("subject", "probe", "more", "message"),
    [
        (3, X, {}, "watch: the subject is a int; give a torch module, or a pair"),
        (("rnn", {}), X, {}, "missing"),
        (None, X[0, 0], {}, r"probe has x of shape \(2,\)"),
        (None, X, {"lags": [10]}, "a lag"),
        (None, X, {"lags": []}, "lags is empty"),
        (None, (X, [1]), {}, r"probe has y of shape \(1,\)"),
        (None, X, {"every": 0}, "every"),
        (None, X, {"loss": 3}, "loss"),
    ],
)
def test_what_cannot_be_watched(subject, probe, more, message):
    params = gf.cells.rnn.init(hidden=2, inputs=2, rng=0)
    subject = ("rnn", params) if subject is None else subject
    with pytest.raises(UsageError, match=message), gf.watch(subject, probe, **more):
        pass


def test_a_loss_is_a_number():
    params = gf.cells.rnn.init(hidden=2, inputs=2, rng=0)
    with gf.watch(("rnn", params), X) as seen, pytest.raises(UsageError, match="tell the loss"):
        seen.update("low")


@pytest.mark.parametrize("layout", ["constrained", "none", "by hand"])
def test_the_picture_has_the_loss_above_and_the_reach_below(layout):
    found, _ = shrinking(4, 1)
    figure = Figure(layout="constrained" if layout == "constrained" else None)
    ax = figure.add_axes((0.2, 0.2, 0.6, 0.6)) if layout == "by hand" else figure.subplots()
    found.plot(ax)
    above = next(a for a in figure.axes if a.get_ylabel() == "loss")
    figure.draw_without_rendering()
    drawn = [a.get_tightbbox() for a in (ax, above)]
    for box in drawn:  # nothing is cut, and neither covers the other
        assert (box.min >= 0).all()
        assert (box.max <= figure.bbox.max).all()
    assert not drawn[0].overlaps(drawn[1])
    assert ax.get_position().width == pytest.approx(above.get_position().width, rel=1e-6)
    np.testing.assert_array_equal(above.lines[0].get_ydata(), found.loss)
    np.testing.assert_array_equal(above.lines[1].get_xdata(), found.jumps())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("update", "lag (steps)")
    short, _ = shrinking(1, 5)
    with pytest.raises(UsageError, match="1 looks at 9 lags"):
        short.plot(ax)


def test_between_uneven_looks_and_lags_the_nearest_is_drawn():
    found, _ = shrinking(6, 3, lags=[6, 0, 2])
    assert found.lags.tolist() == [0, 2, 6]
    uneven = replace(found, update=np.array([0, 10, 40]), loss=np.zeros(0))
    ax = uneven.plot()
    # checkpoints have no losses
    assert not [a for a in ax.figure.axes if a.get_ylabel() == "loss"]
    drawn = ax.images[0].get_array()
    logs = np.median(found.reach, axis=1) / math.log(10)
    looks = [0, 1, 1, 2, 2]  # updates 0, 10, 20, 30, 40
    lags = [0, 1, 1, 2]  # lags 0, 2, 4, 6, where 4 is as near to 2 as to 6
    np.testing.assert_array_equal(drawn, logs[np.ix_(looks, lags)].T)
    assert ax.get_xlim() == (-5, 45)
    even = replace(found, update=np.array([0, 20, 40]), loss=np.zeros(0)).plot()
    assert even.get_xticks().tolist() == [0, 20, 40]  # and none before the first update
    long = replace(found, update=np.array([0, 1, 10**6])).plot()
    assert long.images[0].get_array().shape[1] <= 2001
    with pytest.raises(UsageError, match="3 looks"):
        replace(found, update=np.array([7, 7, 7])).plot()
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only where a test lets it: a look takes `look` seconds."""

    class Clock:
        now, look = 100.0, 0.0

        def read(self):
            return self.now

    found = Clock()
    plain = Subject.look

    def slow(self, lags):
        found.now += found.look
        return plain(self, lags)

    monkeypatch.setattr(pacing, "perf_counter", found.read)
    monkeypatch.setattr(Subject, "look", slow)
    return found


def paced(clock, updates, seconds, every=None):
    """Watch updates of so many seconds each."""
    params = gf.cells.rnn.init(hidden=2, inputs=2, rng=0)
    with gf.watch(("rnn", params), X, every=every) as seen:
        for _ in range(updates):
            clock.now += seconds
            seen.update(1.0)
        clock.now += 1000.0  # nobody trains any more
    return seen.record()


def test_looks_stay_within_their_share_of_the_time(clock):
    clock.look = 1.0
    found = paced(clock, 1060, 0.1)  # 50 updates take 5 s, so that a look of 1 s is a fifth
    # two looks are 3 % of 67 s, three of 100 s and, after rounding, a little over at update 1000
    assert found.update.tolist() == [0, 50, 700, 1050]
    assert found.share == pytest.approx(3 / 106)
    assert "the looks took 2.8 % of the time" in found.lines()[-1]
    clock.look = 0.1
    assert paced(clock, 200, 0.1).update.tolist() == [0, 50, 100, 150, 200]
    clock.look = 1.0
    every = paced(clock, 200, 0.1, every=50)
    assert every.update.tolist() == [0, 50, 100, 150, 200]
    assert every.share == pytest.approx(0.2)


def test_the_look_before_the_first_update_is_not_counted(clock):
    clock.look = 50.0  # it compiles
    params = gf.cells.rnn.init(hidden=2, inputs=2, rng=0)
    with gf.watch(("rnn", params), X) as seen:
        clock.look = 0.01
        assert math.isnan(seen.record().share)
        for _ in range(100):
            clock.now += 0.1
            seen.update(1.0)
    assert seen.record().update.tolist() == [0, 50, 100]
    assert seen.record().share == pytest.approx(0.02 / 10)


def test_a_table_says_the_numbers():
    found, _ = shrinking(4, 2)
    lines = found.lines()
    assert lines[0] == "lag 4"
    assert [int(line.split()[0]) for line in lines[2:-1]] == [0, 2, 4]
    middle = np.median(found.reach[1, :, 4]) / math.log(10)
    assert f"{middle:.2f}" in lines[3]
    assert "3 looks, 4 updates" in repr(found)


# --- beside torch ---


def module_of(layers=1):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)

    class Fused(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = torch.nn.LSTM(2, 6, layers, batch_first=True)
            self.out = torch.nn.Linear(6, 1)

        def forward(self, x):
            return self.out(self.rnn(x)[0])

    return torch, Fused()


def trained(torch, module, task, seen, updates, clip=0.01):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    for k in range(updates):
        batch = task.draw(8, rng=k)
        x, y = (torch.tensor(a, dtype=torch.float32) for a in (batch.x, batch.y))
        optimizer.zero_grad()
        loss = ((module(x)[:, -1] - y) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
        seen.update(loss)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_fused_module_is_watched_by_gradflows_jacobians(layers):
    torch, module = module_of(layers)
    task = training.adding(8)
    with gf.watch(module, task, every=2) as seen:
        trained(torch, module, task, seen, 3)
    found = seen.record()
    assert found.update.tolist() == [0, 2]
    assert found.clipped == pytest.approx(0.01, rel=1e-3)  # torch adds 1e-6 to the norm
    assert (found.norm > 0.02).all()
    # the state after two updates, trained again without a watch
    torch, again = module_of(layers)
    seen_not = type("Nobody", (), {"update": lambda self, loss: None})()
    trained(torch, again, task, seen_not, 2)
    network = gf.read(again)
    run = network.run(task.held_out.x[:6])
    top = f"{layers}.h"
    W, b = network.head.weight, network.head.bias
    error = run.states[top][:, -1] @ W.T + b - task.held_out.y[:6]
    logs = run.gradient_decay(run.covector({top: error @ W})).log_norm
    assert np.abs((logs - logs[:, :1])[:, found.lags] - found.reach[1]).max() < 1e-10
    # reach by torch itself: the gradient by a state of the top layer is not that of a restart of
    # all layers, so only one layer is compared
    if layers == 1:
        x = torch.tensor(task.held_out.x[:1])
        rnn = again.rnn.double()
        _, state = rnn(x[:, :5])
        h, c = (s.detach().requires_grad_() for s in state)
        out = rnn(x[:, 5:], (h, c))[0][:, -1] @ torch.tensor(W).T + torch.tensor(b)
        (out - torch.tensor(task.held_out.y[:1])).square().sum().backward()
        size = math.sqrt(float((h.grad**2).sum() + (c.grad**2).sum()))
        end = rnn(x)[0][:, -1].detach()
        at_end = 2 * (end @ torch.tensor(W).T + torch.tensor(b) - torch.tensor(task.held_out.y[:1]))
        log = math.log(size / float((at_end @ torch.tensor(W)).norm()))
        assert (logs - logs[:, :1])[0, 3] == pytest.approx(log, abs=1e-9)


def test_the_rate_and_the_curvature_along_the_gradient():
    torch, module = module_of()
    task = training.adding(8)
    with gf.watch(module, task, every=1) as seen:
        trained(torch, module, task, seen, 1)
    module = module.double()
    x, y = (torch.tensor(a[:6]) for a in (task.held_out.x, task.held_out.y))
    arrays = list(module.parameters())
    loss = ((module(x)[:, -1] - y) ** 2).mean()
    g = torch.autograd.grad(loss, arrays, create_graph=True)
    along = sum((a * a.detach()).sum() for a in g)
    turned = torch.autograd.grad(along, arrays)
    wanted = sum((h * a).sum() for h, a in zip(turned, g, strict=True)) / along
    assert math.isnan(seen.record().rate_curvature[0])  # before a step there is no rate
    # differences of float32 gradients
    assert seen.record().rate_curvature[1] == pytest.approx(0.3 * wanted.item(), rel=1e-2)


def test_watching_changes_nothing_and_leaves_no_hook():
    torch, plain = module_of()
    _, watched = module_of()
    task = training.adding(8)
    nobody = type("Nobody", (), {"update": lambda self, loss: None})()
    trained(torch, plain, task, nobody, 4)
    with gf.watch(watched, task, every=1) as seen:
        trained(torch, watched, task, seen, 4)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)
    before = seen.record().norm
    trained(torch, watched, task, nobody, 1)
    assert np.array_equal(seen.record().norm, before)
    assert not watched._forward_pre_hooks


def stopped(module, x, every=10):
    """Watch a step that is to be stopped, and return the watch."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with gf.watch(module, x, every=every) as seen:
        (module(torch.tensor(x, dtype=torch.float32))[0] ** 2).sum().backward()
        optimizer.step()
        raise AssertionError("the optimizer was to be stopped")
    return seen


def test_a_gradient_that_is_no_number_ends_the_block_and_says_where():
    torch = pytest.importorskip("torch")
    module = gf.to_torch("irnn", hidden=8, inputs=2, rng=0)
    with torch.no_grad():
        module.U *= 3e3
    kept = module.U.detach().clone()
    said = r"watch: update 1, step \d+, gate h, unit \d: over what float32 holds"
    with pytest.warns(UserWarning, match=said):
        seen = stopped(module, np.ones((1, 20, 2)))
    assert f"watch: {seen.fault}" != "watch: "
    assert torch.equal(module.U, kept)  # the weights are those before


def test_the_first_unit_over_float32_is_the_one_that_is_named():
    torch = pytest.importorskip("torch")
    module = gf.to_torch("irnn", hidden=2, inputs=1, rng=0)
    with torch.no_grad():
        module.U.copy_(torch.tensor([[10.0, 0.0], [0.0, 1e3]]))
        module.W.fill_(1.0)
    # after k steps the unit is about 1e3^(k - 1), which passes 3.4e38 at k = 14
    with pytest.warns(UserWarning, match="update 1, step 14, gate h, unit 1: over"):
        stopped(module, np.ones((1, 20, 1)))


def test_without_torch_a_module_is_refused(monkeypatch):
    class Pretends:
        def state_dict(self):
            return {}

        def named_modules(self):
            return []

    monkeypatch.setitem(sys.modules, "torch", None)
    watching = gf.watch(Pretends(), X)
    with pytest.raises(UsageError, match="watch: torch is not installed"), watching:
        pass


def test_without_torch_training_is_refused_and_the_rest_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for door in (
        lambda: training.train("rnn", training.adding(6)),
        lambda: gf.to_torch("rnn", hidden=2, inputs=1),
    ):
        with pytest.raises(UsageError, match=r"torch.* is not installed.*gradflow-rnn\[torch\]"):
            door()
    assert shrinking(2, 1)[0].update.tolist() == [0, 1, 2]


@pytest.mark.parametrize("every", [1, 100])
@pytest.mark.parametrize("fused", [True, False])
def test_weights_that_are_no_numbers_end_in_a_sentence(fused, every):
    torch = pytest.importorskip("torch")
    fused_one = torch.nn.LSTM(2, 3, batch_first=True)
    module = fused_one if fused else gf.to_torch("lstm", hidden=3, inputs=2, rng=0)
    name = "weight_hh_l0" if fused else "U_f"
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    x = torch.tensor(X, dtype=torch.float32)

    def training_of_nine_updates():
        with gf.watch(module, X, every=every) as seen:
            for update in range(9):
                optimizer.zero_grad()
                loss = module(x)[0].square().mean()
                loss.backward()
                optimizer.step()
                if update == (2 if every == 1 else 1):  # an optimizer may do it to any gradient
                    with torch.no_grad():
                        module.get_parameter(name)[0, 0] = math.nan
                seen.update(loss)
        return seen.record()

    with pytest.warns(UserWarning, match=rf"watch: update 3\b.*{name}"):
        found = training_of_nine_updates()
    assert found.fault.startswith("update 3")
    assert np.isfinite(found.reach).all()
    assert len(found.loss) == (3 if every == 1 else 2)
