"""Cells that use every construct of the language, and the sizes they are tried in."""

import gradflow as gf

CELLS = {
    "layer_norm": gf.Cell(
        name="layer_norm",
        state="h",
        inputs="x",
        maps="W U",
        vectors="gain shift",
        equations="""
            a = W @ x + U @ h
            m = mean(a)
            v = mean((a - m)**2)
            h_next = tanh(gain * (a - m) / sqrt(v + 0.001) + shift)
        """,
    ),
    "parts_of_three_sizes": gf.Cell(
        name="parts",
        state="h s[context] y[one]",
        inputs="x",
        maps="W P Q R V[one,hidden]",
        vectors="b[context]",
        scalars="a",
        equations="""
            s_next = tanh(P @ h + Q @ s + b) * y + a
            y_next = sigmoid(V @ h) + a * mean(s_next) * y
            h_next = tanh(W @ x + R @ s_next) + h * y_next - mean(s)
        """,
    ),
    "fixed_maps": gf.Cell(
        name="fixed_maps",
        state="h",
        inputs="x",
        maps="U",
        vectors="b",
        constants="D[hidden,input] place[hidden] clock[input]",
        fixed={
            "S": "1 if row(index) == column(index) + 1 else 0",
            "B[hidden,hidden]": "1/(1 + row(index) + column(index))",
            "K[hidden,input]": "row(place) - column(clock)/3",
        },
        equations="h_next = tanh(D @ x + S @ h + U @ (B @ h) + K @ x + identity @ h + b)",
    ),
    "masked": gf.Cell(
        name="masked",
        state="h",
        inputs="x",
        maps="U W",
        constants="level[hidden] side[input]",
        masks={
            "U": "row(level) <= column(level) and not row(index) == column(index)",
            "W": "0 < row(level) < 3 or column(side) > 0",
        },
        defaults={"level": [0.0, 1.0, 2.0], "side": [1.0, -1.0, 0.0, 1.0]},
        equations="h_next = tanh(U @ h + W @ x) + U @ sigmoid(U @ h)",
    ),
    "antisymmetric": gf.Cell(
        name="antisymmetric",
        reference="Chang, Chen, Haber & Chi, ICLR 2019, eqs. 9 and 11",
        state="h",
        inputs="x",
        maps="W V_h V_z",
        vectors="b_h b_z",
        scalars="eps gamma",
        equations="""
            z = sigmoid((W - W.T - gamma * identity) @ h + V_z @ x + b_z)
            h_next = h + eps * z * tanh((W - W.T - gamma * identity) @ h + V_h @ x + b_h)
        """,
        defaults={"eps": 0.5, "gamma": 0.25},
    ),
    "lipschitz": gf.Cell(
        name="lipschitz",
        reference="Erichson et al., ICLR 2021, eqs. 3 and 4, a step of Euler's method",
        state="h",
        inputs="x",
        maps="M_A M_W U",
        vectors="b",
        scalars="beta_A beta_W",
        constants="gamma[one] step_size[one]",
        equations="""
            drift = ((1 - beta_A) * (M_A + M_A.T) + beta_A * (M_A - M_A.T) - gamma * identity) @ h
            z = ((1 - beta_W) * (M_W + M_W.T) + beta_W * (M_W - M_W.T) - gamma * identity) @ h
            h_next = h + step_size * (drift + tanh(z + U @ x + b))
        """,
        defaults={"gamma": 0.01, "step_size": 0.1, "beta_A": 0.75, "beta_W": 0.65},
    ),
    "tied_weights": gf.Cell(
        name="tied_weights",
        state="h s[context]",
        inputs="x",
        maps="W U A[hidden,context] B[hidden,context]",
        constants="D[hidden,hidden]",
        masks={"U": "row(index) <= column(index)"},
        fixed={"S[hidden,hidden]": "1 if row(index) == column(index) + 1 else 0"},
        outputs="y",
        equations="""
            h_next = tanh(W @ x + (U / 2 + 2 * U.T - S + S.T + D.T) @ h + (A + 0.1 * B) @ s)
            s_next = tanh((A + 0.1 * B).T @ h_next - (3 * B).T @ (0.5 * h) + s)
            y = W.T @ h_next
        """,
    ),
    "attention": gf.Cell(
        name="attention",
        state="h s[context]",
        inputs="x",
        maps="W U V P",
        vectors="b",
        equations="""
            a = softmax(U @ h + W @ x)
            h_next = silu(a * h + b) + norm(s) * dot(a, h) * leaky_relu(h)
            s_next = softmax(V @ (a * h)) + elu(P @ h_next) * pi
        """,
    ),
    "defined": gf.Cell(
        name="defined",
        state="h s[context]",
        inputs="x",
        maps="W U P",
        vectors="gain b",
        define="""
            LN(v, gain, b) = gain * (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 0.01) + b
            mixed(a, b) = a * mean(b * b) + b * sum(a) / 4
        """,
        equations="""
            f = sigmoid(LN(W @ x + U @ h, gain, b))
            h_next = f * tanh(LN(U @ (f * h), b, gain)) + mixed(h, f) / 9
            s_next = tanh(LN(P @ h_next, 1, 0) + mean(s))
        """,
    ),
    "kinks": gf.Cell(
        name="kinks",
        state="h",
        inputs="x",
        maps="W U",
        vectors="b c",
        equations="""
            a = W @ x + U @ h
            p = Max(a, b) + Min(a, 0.3, c) - Abs(h - b)
            q = Piecewise((tanh(a), a < 0), (a**2, a < 1), (1 + log(a), True))
            r = relu(p) * step(q) + sign(h) * q + floor(3 * h) * a + (7 * a) % (1 + b**2)
            h_next = p if 0 < p + 1 < 3 and not q == 0 or h != h else r - Max(0.2, p, q)
        """,
    ),
    "shared_conditions": gf.Cell(
        name="conditions",
        state="h",
        vectors="b",
        equations="""
            p = h if softplus(2) < 3 and h > b or t > 2 and not b > h else b * h
            q = b if softplus(2) < 3 and b > 0 else p
            h_next = tanh(q) * h if t > 2 and (h > b or softplus(2) < 3) else p * q
        """,
    ),
    "smooth_functions": gf.Cell(
        name="smooth",
        state="h",
        vectors="a b c d",
        equations="""
            p = exp(-h**2) + log(1 + a**2) + sqrt(1 + b**2) + sin(h) * cos(a) + tan(tanh(h) / 2)
            q = sinh(h / 2) * cosh(c / 2) + asinh(h * b) + atan(h) + erf(h * d) + softplus(5 * a)
            h_next = p**3 / (1 + q**2) + 2**h + (1 + a**2)**(h / 3) + exp(1) * h - q**-2
        """,
    ),
    "time": gf.Cell(
        name="time",
        state="h k",
        inputs="x",
        maps="W U",
        vectors="rate shift[hidden]",
        scalars="period",
        equations="""
            phase = (t - shift) / (1 + period**2) % 1
            open = 2 * phase if phase < 0.5 else 2 - 2 * phase
            h_next = open * tanh(W @ x + U @ h) + (1 - open) * h / t
            k_next = exp(-rate**2 * t) * k + t % 2
        """,
    ),
    "outputs_and_inputs": gf.Cell(
        name="outputs",
        state="h",
        inputs="x z[side] y[hidden]",
        maps="W V U O[out,hidden]",
        vectors="b[out]",
        outputs="p q",
        equations="""
            p = softplus(O @ h + b)
            h_next = tanh(W @ x + U @ h) * y + V @ z
            q = mean(h_next) * 2
        """,
    ),
    "hostile_names": gf.Cell(
        name="hostile",
        state="out h np_[size]",
        inputs="x",
        maps="np W_mask where index_ ones zero",
        vectors="keep keep_ block[size] gradients",
        scalars="E pi S",
        constants="W[size,hidden] total[one]",
        fixed={"outer[hidden,hidden]": "1 if row(index) == 0 else 2"},
        masks={"np": "row(index) != column(index)"},
        defaults={"total": 0.7},
        equations="""
            I = np @ h + W_mask @ x + keep * E
            lambda_ = where @ np_ + pi * exp(1) * keep_ / (1 + gradients**2)
            v0 = I * lambda_ * S + index_ @ h
            d_h = tanh(v0 * I * lambda_) + 3.0
            u_h = sigmoid(d_h * v0)
            np_in = tanh(ones @ np_ + W @ h) + block
            h_next = tanh(u_h + out)
            out_next = u_h * total - d_h + zero @ (outer @ h)
            spread = mean(h)
            np__next = np_in * spread + np_
        """,
    ),
    "no_parameters": gf.Cell(
        name="henon",
        state="a[one] b[one]",
        constants="p[one] q[one]",
        defaults={"p": 1.4, "q": 0.3},
        equations="a_next = 1 - p * a**2 + b\nb_next = q * a",
    ),
    "constant_state": gf.Cell(
        name="constant_state",
        state="h k",
        vectors="b",
        equations="two = 2\nh_next = b / two**2\nk_next = 3 if t > 2 else k",
    ),
    "spread_and_reduce": gf.Cell(
        name="spread",
        state="h y[one]",
        maps="U",
        scalars="a b",
        equations="""
            m = mean(h) * y + a
            h_next = m * h + y + tanh(U @ (m * h)) * sum(h * h) + b
            y_next = sum(h) * mean(h * y) + mean(h_next) * b + mean(m)
        """,
    ),
}
# hidden = 3, so that a mean's 1/3 is no exact float
SIZES = {"hidden": 3, "inputs": 4, "context": 2, "side": 5, "out": 2, "size": 5}


def taken(cell):
    known = {("inputs" if s == "input" else s) for s in cell.sizes}
    return {k: v for k, v in SIZES.items() if k in known}
