"""A watch: what a network is looked at on, what is seen, beside a loop and afterwards."""
