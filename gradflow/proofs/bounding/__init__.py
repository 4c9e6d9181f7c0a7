"""From the normal form to bounds: what is known of gates, norms of steps, carousels, cones."""
