"""The gradient of one network's loss as a theorem of Coq: what is stated, and the proof."""
