"""A network of 4 layers of 1,024 units over 1,000 steps is diagnosed within 4 GB."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource, time
import numpy as np
import gradflow as gf

network = gf.stack("lstm", 4, hidden=1024, inputs=64, rng=0, forget_bias=1.0)
x = np.random.default_rng(0).normal(size=(1, 1000, 64))
stages = []
found = gf.diagnose(network, x, need=100, progress=stages.append)
print(json.dumps({
    "stages": stages,
    "left": found.reach.log10_left.median,
    "out": dict(found.left_out),
    "layers": [layer.exponents != () for layer in found.layers],
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "seconds": time.process_time(),
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
def test_a_large_network_is_diagnosed_in_minutes_within_4_gb():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=3600,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["peak"] < 4 * 2**30
    assert told["seconds"] < 15 * 60
    assert told["stages"] == ["running the network", "reach", "layers", "paths", "training"]
    assert -10 < told["left"] < 1
    assert told["layers"] == [True] * 4
    assert "8192 states" in told["out"]["product"]
    assert "8192 states" in told["out"]["paths"]
    assert "29,638,656" in told["out"]["truncation"]
