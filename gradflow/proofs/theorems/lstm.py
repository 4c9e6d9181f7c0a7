"""The LSTM: the direct path, the forget bias, the bound of c, and what is not true."""

from __future__ import annotations

from fractions import Fraction as Q

from gradflow.cells.cell import Cell
from gradflow.proofs.bounding.invariants import carousel_invariant
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import own_file


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the long short-term memory."""
    step = evidence.step(bounds(cell))
    box = carousel_invariant(cell, "c", "f")
    assert box is not None, "the LSTM's cell state has an invariant box"
    growing = [[Q(3, 2), Q(1, 4)], [Q(3), Q(1, 2)]]
    closed = [[Q(0), Q(1, 4)], [Q(0), Q(1, 2)]]
    return [
        Claim(
            "lstm.direct",
            "lstm",
            "along the direct path from c to c the product is exactly the diagonal of the product "
            "of the forget gates; with the gates open (f = 1) it is the identity, and with f >= "
            "l it "
            "keeps at least l^T of every vector",
            r"\prod_t \frac{\partial c_t}{\partial c_{t-1}}\Big|_{h} = \prod_t "
            r"\operatorname{diag}(f_t), \qquad f \equiv 1 \Rightarrow I",
            (),
            "dc'/dc = diag(f) with h held, and diagonal matrices multiply entry by entry",
            (step,),
            own_file(cell, "lstm_direct", "the direct path"),
            "direct_path",
            witness="all maps 0: every gate is 1/2",
            false="that the direct path is the whole gradient: the paths through h add to it, see "
            "lstm.lower for the whole",
        ),
        Claim(
            "lstm.forget_bias",
            "lstm",
            "a forget bias b keeps the gate open: f >= sigmoid(b - |U_f| sqrt(n) - |W_f| X) in "
            "every "
            "unit, for |h| <= 1 and inputs of norm at most X",
            r"f \ge \sigma\!\left( b - \|U_f\|_2 \sqrt{n} - \|W_f\|_2 X \right), \quad \|x_t\|_2 "
            r"\le X",
            (
                "|h_t| <= 1 in every unit (lstm.upper keeps it)",
                "|x_t| <= X in the Euclidean norm",
                "b_f >= b in every unit",
            ),
            "|(U_f h)_i| <= |U_f h| <= |U_f| |h| <= |U_f| sqrt(n), likewise for x; sigmoid grows",
            (step,),
            own_file(cell, "lstm_forget_bias", "forget bias"),
            "forget_bias",
            witness="all maps 0, b = 0: f = 1/2",
            scope="gradflow.proofs.forget_bias_for solves for b, given a horizon",
        ),
        Claim(
            "lstm.cell_state",
            "lstm",
            "if f <= f_max < 1 and C >= 1/(1 - f_max), a cell state in [-C, C] stays there",
            r"f \le f_{\max} < 1,\; C \ge \frac{1}{1 - f_{\max}},\; \|c_0\|_\infty \le C "
            r"\;\Rightarrow\; \|c_t\|_\infty \le C",
            ("f_t <= f_max in every unit and step", "C (1 - f_max) >= 1", "|c_0| <= C"),
            f"{box.upper.proof()}\n{box.lower.proof()}\nand induction over the steps",
            (evidence.invariant(box),),
            own_file(cell, "lstm_cell_state", "bound of the cell state"),
            "cell_state",
            witness="f_max = 1/2, C = 2, all maps 0",
            false="a bound without one on f: with f = i = 1 and g = 1, c grows by 1 every step",
        ),
        Claim(
            "lstm.some_vanish",
            "lstm",
            "'no singular value of an LSTM vanishes' is false: with U = 0 the step Jacobian has "
            "the "
            "columns of h equal to 0, so n of the 2n singular values are exactly 0; the lower "
            "bound "
            "is about the other n",
            r"U_\ast = 0 \;\Rightarrow\; \frac{\partial (h_t, c_t)}{\partial h_{t-1}} = 0",
            ("one unit, all maps 0, o = f = 1/2 and c' = 0",),
            "o (1 - tanh(c')^2) f = 1/4 and f = 1/2 at c' = 0; nothing depends on h",
            (evidence.matrix(closed, zero_columns=[0]),),
            own_file(cell, "lstm_some_vanish", "some singular values vanish"),
            "some_vanish",
            witness="this matrix",
        ),
        Claim(
            "lstm.can_explode",
            "lstm",
            "the LSTM does not prevent explosion: with one unit, U_g = 6 and every other number 0, "
            "the state 0 is a fixed point and the gradient doubles at every step",
            r"J = \begin{pmatrix} \tfrac32 & \tfrac14 \\ 3 & \tfrac12 \end{pmatrix}, \quad "
            r"J \tbinom12 = 2 \tbinom12",
            ("one unit, U_g = 6, all other weights, biases, inputs and the state 0",),
            "all gates are 1/2 and tanh'(0) = 1: dc'/dh = 6/2, dc'/dc = 1/2, dh'/d. = 1/2 dc'/d.",
            (evidence.matrix(growing, eigenvector=([1, 2], Q(2))),),
            own_file(cell, "lstm_can_explode", "explosion"),
            "can_explode",
            witness="this network",
        ),
    ]
