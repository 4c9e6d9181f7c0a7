"""Lyapunov exponents, in the order in which the files build on each other.

``exponents`` is what is told of them, ``spectrum`` the whole spectrum from given Jacobians,
``leading`` the k leading exponents from pushed frames, ``long_runs`` those of a run that is not
kept, ``of_run`` those of a run whose Jacobians are formed, ``of_trajectory`` the method of a run.
``conditional`` are those of a part given the rest, ``finite_time`` their scatter over windows,
``covariant`` the directions that they belong to.
"""
