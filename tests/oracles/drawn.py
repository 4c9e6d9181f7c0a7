"""A figure script run in quick mode, with the figure it drew, and a script as a module."""

import importlib.util
from unittest import mock

from gradflow.reporting.publish import page as page_module
from gradflow.reporting.publish.scripts import find_script
from oracles.legibility import complaints


def script_module(name):
    """Return a figure script of that name as a module, its functions not yet called."""
    spec = importlib.util.spec_from_file_location(name, find_script(name).path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Drawn:
    """What a script left: its ``numbers``, its ``folder``, and the ``figures`` it wrote.

    ``complaints`` are what a reader says of each of its pictures, by name.
    """

    def __init__(self, name, folder, **look):
        self.folder = folder
        self.figures, self.complaints = [], {}
        encoded = page_module.encoded

        def seen(figure, name, kind):
            self.figures.append(figure)
            if name not in self.complaints:
                self.complaints[name] = complaints(figure)
            return encoded(figure, name, kind)

        with mock.patch.object(page_module, "encoded", seen):
            self.numbers = find_script(name).run(folder, quick=True, **look)
