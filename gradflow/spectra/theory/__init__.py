"""What theory predicts: mean field, random matrices, transient growth."""
