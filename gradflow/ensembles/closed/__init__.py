"""Moment equations that close: fixed points, multipliers and correlations by quadrature."""
