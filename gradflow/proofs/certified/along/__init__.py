"""Products of step Jacobians along a run: its true states, Jacobians with errors, a tree."""
