"""Independent solvers asked for a second opinion, each in a process that can be killed."""
