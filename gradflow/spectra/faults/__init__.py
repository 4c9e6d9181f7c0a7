"""Where a number stops being one: the step, the equation, the operation, the unit, the cause."""
