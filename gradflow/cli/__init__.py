"""ASK: the command line, ``gradflow cells | derive | run | report | theory | prove ...``.

Exit codes: 0 done, 1 a check failed, or whoever reads the output has left (without a word),
2 bad usage, such as an --out where nothing can be written, 3 an input that cannot be read or an
output that breaks off, as on a full disk, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Literal

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from gradflow import __version__
from gradflow.cli import diagnose, figure, theorems, theory, watch
from gradflow.cli.cell import derive, listing, run
from gradflow.cli.console import take_manner
from gradflow.cli.pages import compare, report
from gradflow.cli.speaking import complain, help_console, is_terminal, place_of, silence, speakable
from gradflow.cli.wholes import converted
from gradflow.errors import GradflowError, shown

app = App(
    name="gradflow",
    help=(
        "Does the gradient survive? Derive, compile and measure recurrent cells.\n\n"
        "Every command also takes --quiet, for no progress, and --no-color."
    ),
    version=__version__,
    version_flags=["--version"],
    # boxes are for eyes: a pipe gets plain lines
    console=help_console(),
    help_formatter="default" if is_terminal() else "plain",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(converter=converted),
)

app.command(listing.cells)
app.command(derive.derive)
app.command(run.run)
app.command(report.report)
app.command(compare.compare)
app.command(diagnose.diagnose)
app.command(watch.watch)
app.command(figure.figure)
app.command(theory.theory)
app.command(theorems.prove)
app.command(theorems.theorem)
app.command(theorems.verify)


_ZSH = """
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
compdef {name} gradflow
"""


@app.command
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what makes a shell complete the words of gradflow.

    eval "$(gradflow completion bash)"

    Parameters
    ----------
    shell
        Which one.
    """
    script = app.generate_completion(shell=shell)
    if shell == "zsh":  # by itself it is for a folder of $fpath, and eval would register nothing
        name = script.partition("() {")[0].split()[-1]
        script += _ZSH.format(name=name)
    print(script)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    speakable()
    try:
        app(
            take_manner(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=False,
        )
        sys.stdout.flush()
    except UnusedCliTokensError as error:
        command = " ".join(["gradflow", *(error.command_chain or ())])
        words = " ".join(error.unused_tokens or ())
        complain(
            f"{command} has no place for {shown(words)}; `{command} --help` says what it takes."
        )
        sys.exit(2)
    except CycloptsError as error:
        complain(str(error))
        sys.exit(2)
    except GradflowError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # who reads, such as head, has read enough
        silence()
        sys.exit(1)
    except OSError as error:
        silence()
        complain(f"a file or the output cannot be written or read ({error.strerror or error}).")
        sys.exit(3)
    except MemoryError:
        complain("this needs more memory than there is; ask for fewer units or steps.")
        sys.exit(1)
    except Exception as error:
        complain(f"{shown(error)} at {place_of(error)}; this is a defect of gradflow, report it.")
        sys.exit(1)


def run_script(path: str) -> None:
    """Run the figure script at ``path`` as ``gradflow figure`` does, with this process's words."""
    main(["figure", path, *sys.argv[1:]])
