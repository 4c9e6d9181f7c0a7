"""A figure script run in quick mode, with the figure it drew, and a script as a module."""

import importlib.util
from unittest import mock

from gradflow.reporting.publish import page as page_module
from gradflow.reporting.publish.scripts import find_script


def script_module(name):
    """Return a figure script of that name as a module, its functions not yet called."""
    spec = importlib.util.spec_from_file_location(name, find_script(name).path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Drawn:
    """What a script left: its ``numbers``, its ``folder``, and the ``figures`` it wrote."""

    def __init__(self, name, folder, **look):
        self.folder = folder
        self.figures = []
        encoded = page_module.encoded

        def seen(figure, *args):
            self.figures.append(figure)
            return encoded(figure, *args)

        with mock.patch.object(page_module, "encoded", seen):
            self.numbers = find_script(name).run(folder, quick=True, **look)
