"""What a framework's own autograd says of a network: its states and their Jacobians."""

import numpy as np


def jacobian(sample, start, inputs):
    """The Jacobian (n, n) of the state behind ``inputs`` by the state ``start`` before them."""
    if sample.library == "jax":
        import jax

        with jax.enable_x64(True), jax.default_matmul_precision("highest"):
            return np.asarray(jax.jacrev(lambda s: sample.advance(s, inputs))(start))
    import torch

    found = torch.autograd.functional.jacobian(
        lambda s: sample.advance(s, inputs), torch.tensor(start)
    )
    return found.numpy()


def run_states(sample, count):
    """The states (T + 1, n) of the framework's own steps from zeros."""
    states = [np.zeros(count)]
    for row in sample.x:
        if sample.library == "jax":
            import jax

            with jax.enable_x64(True), jax.default_matmul_precision("highest"):
                states.append(np.asarray(sample.advance(states[-1], row[None])))
        else:
            import torch

            with torch.no_grad():
                states.append(sample.advance(torch.tensor(states[-1]), row[None]).numpy())
    return np.array(states)
