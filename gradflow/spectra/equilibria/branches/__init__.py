"""A fixed point followed along one parameter, through its folds."""
