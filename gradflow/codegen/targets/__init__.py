"""RUN: what executes printed source, one target a file or a folder."""
