"""JUDGE: computed results about a cell or network, their spread included, without drawing."""
