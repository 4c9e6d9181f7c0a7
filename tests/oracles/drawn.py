"""A figure script run in quick mode, with the figure it drew."""

import sys
from unittest import mock

from gradflow.reporting.publish.scripts import find_script


class Drawn:
    """What a script left: its ``numbers``, its ``folder``, and the ``figures`` it wrote."""

    def __init__(self, name, folder, **look):
        self.folder = folder
        self.figures = []
        # the package's name `page` is the function
        module = sys.modules["gradflow.reporting.publish.page"]
        encoded = module.encoded

        def seen(figure, *args):
            self.figures.append(figure)
            return encoded(figure, *args)

        with mock.patch.object(module, "encoded", seen):
            self.numbers = find_script(name).run(folder, quick=True, **look)
