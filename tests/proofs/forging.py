"""Bundles as an attacker would change them, hashes made to fit."""

import hashlib
import json

import gradflow as gf
from gradflow.proofs.claims.bundle import write
from gradflow.proofs.claims.verify import verify
from gradflow.proofs.theorems import theorems
from gradflow.proofs.weights.concrete import concrete

HEADER = "Require Import Reals Lra Lia GradFlow.\nOpen Scope R_scope.\n"


def written(name, root):
    """Write the honest bundle of a claim, that about given weights included."""
    cell = gf.cells.get(name.split(".")[0])
    if name.endswith(".weights"):
        return write(concrete(cell, cell.init(rng=0, hidden=3, inputs=2)), root)
    return write(next(c for c in theorems(cell) if c.name == name), root)


def rehash(folder):
    """Make the hashes those of the files that are there."""
    data = json.loads((folder / "hashes.json").read_text("utf-8"))
    data["files"] = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.iterdir()
        if p.name != "hashes.json"
    }
    (folder / "hashes.json").write_text(json.dumps(data), "utf-8")


def said(folder, **entries):
    """Change entries of claim.json."""
    changed(folder, "claim.json", lambda data: data | entries)


def changed(folder, name, change):
    """Change the data of a file."""
    path = folder / name
    path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), "utf-8")


def judged(folder, **options):
    """Return what is said of one bundle, or of several below a folder."""
    found = list(verify(folder, **options))
    return found[0] if len(found) == 1 else found
