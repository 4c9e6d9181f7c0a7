"""RUN on arrays of other libraries: torch, JAX, CuPy and NumPy by the array API standard."""
