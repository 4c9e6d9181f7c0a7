"""What layouts make layers with: the cells of each kind, and the order of layers."""
