r"""Laws of large random matrices: what theory says of the spectra of Jacobians and their products.

W is n x n with independent entries of mean 0 and variance ``g^2 / n``. As n grows, its eigenvalues
fill the disc of radius g and its singular values follow the quarter circle; saturation, the
``D = diag(phi'(a))`` of a step Jacobian ``D W``, shrinks both. The singular values of a product of
independent such matrices spread over ever more decades.

Sources: V. Marchenko, L. Pastur, Math. USSR Sbornik 1 (1967) 457; V. Girko, Theory Probab. Appl. 29
(1985) 694 (the circular law); J. Silverstein, Z. Bai, J. Multivariate Anal. 54 (1995) 175; U.
Haagerup, S. Moeller, arXiv:1211.4457 (2012), and K. Penson, K. Zyczkowski, Phys. Rev. E 83 (2011)
061118 (the Fuss-Catalan law); Y. Ahmadian, F. Fumarola, K. Miller, Phys. Rev. E 91 (2015) 012820
(the disc of ``D W``); C. Newman, Commun. Math. Phys. 103 (1986) 121.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.given import real_number
from gradflow.spectra.numerics.logdomain import Floats

_NEWTON = 60
_CONVERGED = 1e-12
# Continuation ends this near the real axis, in units of x, in as many steps.
_NEAR, _STEPS = 1e-9, 40


def bulk_radius(slopes: ArrayLike, gain: float = 1.0) -> float:
    r"""Return the radius of the disc that the eigenvalues of ``diag(slopes) W`` fill.

    .. math:: r = g \sqrt{\tfrac1n \sum_i d_i^2}

    and g, the circular law, where no unit is saturated. The slopes must not depend on W; those of a
    network that runs on W do, weakly.

    Parameters
    ----------
    slopes
        (n,) slopes :math:`d_i`, such as :math:`1 - h_i^2` of tanh units.
    gain
        g of the entries of W, of variance :math:`g^2 / n`.

    Raises
    ------
    UsageError
        No slope, a slope that is not finite, or a gain that is not positive.

    Examples
    --------
    >>> round(bulk_radius([1.0, 0.5], gain=2.0), 4)
    1.5811
    """
    squares = _squares("bulk_radius", slopes, gain)
    return float(np.sqrt(squares.mean()))


def quarter_circle(sigma: ArrayLike, gain: float = 1.0) -> Floats:
    r"""Return the density (m,) of the singular values of W at ``sigma`` (m,).

    .. math:: p(\sigma) = \frac{\sqrt{4 g^2 - \sigma^2}}{\pi g^2}, \qquad 0 \le \sigma \le 2g,

    the law of Marchenko and Pastur for a square matrix, in :math:`\sigma` rather than its square.

    Raises
    ------
    UsageError
        A value that is not finite, or a gain that is not positive.

    Examples
    --------
    >>> quarter_circle([0.0, 1.0, 3.0]).round(4)
    array([0.6366, 0.5513, 0.    ])
    """
    gain = _positive("quarter_circle", gain)
    at = real_array(sigma, "quarter_circle", "sigma's entries", many=True)
    inside = (at >= 0) & (at <= 2 * gain)
    return np.asarray(
        np.where(inside, np.sqrt(np.maximum(4 * gain**2 - at**2, 0)), 0) / (np.pi * gain**2)
    )


def fuss_catalan(count: int, points: int = 400) -> tuple[Floats, Floats]:
    r"""Return ``log sigma`` and its density, (points,) each, for a product of ``count`` matrices.

    With :math:`0 < \varphi < \pi / (s + 1)` for s independent factors of gain 1,

    .. math::

       \sigma^2 = \frac{\sin^{s+1}((s+1)\varphi)}{\sin\varphi\,\sin^s(s\varphi)}, \qquad
       p(\log\sigma) = \frac2\pi\,\frac{\sin\varphi\,\sin((s+1)\varphi)}{\sin(s\varphi)},

    whose moments :math:`E\,\sigma^{2k} = \binom{(s+1)k}{k} / (sk + 1)` are the Fuss-Catalan
    numbers; s = 1 is the quarter circle. The density of :math:`\sigma` itself is this over
    :math:`\sigma`. Ascending; the last point is :math:`\sigma^2 \to (s+1)^{s+1} / s^s`.

    Raises
    ------
    UsageError
        A count or a number of points that is not a whole number of at least 1 or 2.

    Examples
    --------
    >>> log_sigma, density = fuss_catalan(2)
    >>> log_sigma[-1].round(4), (np.log(27 / 4) / 2).round(4)
    (np.float64(0.9548), np.float64(0.9548))
    """
    count = whole_number(count, "fuss_catalan: count", 1)
    points = whole_number(points, "fuss_catalan: points", 2)
    # Evenly spaced in log(pi / (s + 1) - phi), since the law has a long tail to small sigma.
    most = np.pi / (count + 1)
    rest = most * np.append(
        np.geomspace(1e-9, 0.5, points // 2, endpoint=False),
        np.linspace(0.5, 1 - 1e-4, points - points // 2),
    )
    phi = most - rest
    # sin((s + 1) phi) by the distance from its zero, where the sine itself would cancel
    outer = np.sin((count + 1) * rest)
    inner = np.sin(count * phi)
    log_square = (count + 1) * np.log(outer) - np.log(np.sin(phi)) - count * np.log(inner)
    return log_square / 2, 2 / np.pi * np.sin(phi) * outer / inner


def saturated_singular_values(sigma: ArrayLike, slopes: ArrayLike, gain: float = 1.0) -> Floats:
    r"""Return the density (m,) of the singular values of ``diag(slopes) W`` at ``sigma`` (m,).

    The Stieltjes transform m(z) of the law of :math:`W^\top D^2 W` solves

    .. math:: z = -\frac1m + \frac1n \sum_i \frac{g^2 d_i^2}{1 + g^2 d_i^2 m}

    (Silverstein & Bai 1995, for a square matrix); the density of its eigenvalues
    is :math:`\Im m(x + i0) / \pi`. It is found by Newton's method, carried from far above the real
    axis down to it. Equal slopes give the quarter circle.

    Parameters
    ----------
    sigma
        (m,) positive values.
    slopes, gain
        As in :func:`bulk_radius`.

    Raises
    ------
    UsageError
        As :func:`bulk_radius`; a sigma that is not positive; slopes that are all zero.

    Examples
    --------
    >>> saturated_singular_values([0.5, 1.0], slopes=[1.0, 0.5]).round(4)
    array([0.7633, 0.4765])
    """
    where = "saturated_singular_values"
    squares = _squares(where, slopes, gain)
    at = real_array(sigma, where, "sigma's entries", many=True)
    if not at.size or (at <= 0).any() or not squares.any():
        raise UsageError(f"{where}: every sigma and at least one slope must be other than zero.")
    x = at.astype(np.float64) ** 2
    scale = max(float(x.max()), float(squares.max()))
    m = np.full(x.shape, 1j / scale)
    for height in np.geomspace(np.full(x.shape, scale), _NEAR * x, _STEPS):
        z = x + 1j * height
        for _ in range(_NEWTON):
            part = 1 / (1 + squares * m[..., None])
            residual = -1 / m + (squares * part).mean(axis=-1) - z
            slope = 1 / m**2 - ((squares * part) ** 2).mean(axis=-1)
            step = residual / slope
            # m stays in the upper half plane, where the root is the only one
            size = np.minimum(1.0, 0.5 * m.imag / np.maximum(np.abs(step), 1e-300))
            m = m - size * step
            if (np.abs(step) <= _CONVERGED * np.abs(m)).all():
                break
    return np.asarray(2 * at * m.imag / np.pi)


def newman_exponents(n: int, gain: float = 1.0) -> Floats:
    r"""Return the n Lyapunov exponents of products of independent Gaussian n x n matrices.

    .. math:: \lambda_i = \log g + \tfrac12\left[\log\tfrac2n + \psi\!\left(\tfrac{n-i+1}2\right)
              \right]

    (Newman 1986), descending, in nats per factor; psi is the digamma function. For large n,
    :math:`\lambda_i \approx \log g + \tfrac12 \log(1 - i/n)`.

    Raises
    ------
    UsageError
        A size below 1 or a gain that is not positive.

    Examples
    --------
    >>> newman_exponents(3).round(4)
    array([-0.1845, -0.4913, -1.1845])
    """
    gain = _positive("newman_exponents", gain)
    n = whole_number(n, "newman_exponents: n", 1)
    index = np.arange(1, n + 1)
    return np.asarray(math.log(gain) + 0.5 * (math.log(2 / n) + digamma((n - index + 1) / 2)))


def _positive(where: str, gain: float) -> float:
    return real_number(gain, f"{where}: gain", 0.0, above=True)


def _squares(where: str, slopes: ArrayLike, gain: float) -> Floats:
    """Return the squares of ``gain * slopes``, checked."""
    gain = _positive(where, gain)
    given = real_array(slopes, where, "slopes' entries", many=True)
    if given.ndim != 1 or not given.size:
        raise UsageError(f"{where}: slopes has shape {given.shape}; it is one axis, not empty.")
    return np.asarray((gain * given) ** 2)
