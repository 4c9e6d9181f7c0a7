"""What the page of a diagnosis tells of a network."""
