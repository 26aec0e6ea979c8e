"""The browser tests' own ground: both front ends run a notebook, save it, show it again, and keep off the network."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import expect

CELLS = [
    "print(6 * 7)",
    "import ipywidgets\nipywidgets.IntProgress(value=3, max=4, description='Loading')",
]


def test_a_notebook_runs_and_shows_its_outputs(either, notebooks, pictures):
    either.open(notebooks.write(CELLS))
    assert either.prompts() == ["[ ]:", "[ ]:"]
    starting_errors = list(either.page_errors)

    either.run_all()
    either.wait_done()

    either.wait_output("42", 0)
    assert either.output_text(0) == "42"
    assert either.prompts() == ["[1]:", "[2]:"]
    expect(either.outputs(1)).to_contain_text("Loading")
    done, whole = (either.outputs(1).locator(f".progress{part}").bounding_box() for part in ("-bar", ""))
    assert done["width"] / whole["width"] == pytest.approx(0.75, abs=0.01)
    picture = either.screenshot(pictures / f"smoke_{type(either).__name__}.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert either.outside_requests == []
    assert either.page_errors == starting_errors


def test_what_is_saved_is_what_was_shown(either, notebooks):
    path = notebooks.write(CELLS[:1])
    either.open(path)
    either.run_all()
    either.wait_done()
    either.save()

    assert notebooks.read(path).cells[0].outputs == [
        nbformat.from_dict({"output_type": "stream", "name": "stdout", "text": "42\n"})
    ]
    assert notebooks.is_trusted(path)
    assert not notebooks.is_trusted(notebooks.copy_as_stranger(path))


def test_a_cell_that_fails_ends_the_wait(either, notebooks):
    either.open(notebooks.write(["1 / 0", "print('not reached')"]))
    either.run_all()
    either.wait_done()

    either.wait_output("ZeroDivisionError: division by zero", 0)
    assert either.output_text(1) == ""
    assert either.prompts() == ["[1]:", "[ ]:"]


@pytest.fixture
def with_script():
    """A notebook whose one output writes "scripted" into itself, where scripts run."""
    html = "<div id='mark'>as stored</div><script>document.getElementById('mark').textContent = 'scripted'</script>"
    output = new_output("display_data", {"text/html": html, "text/plain": "plain"})
    return new_notebook(cells=[new_code_cell("show()", outputs=[output], execution_count=1)])


@pytest.mark.parametrize(("trusted", "shown"), [(True, "scripted"), (False, "as stored")])
def test_only_a_trusted_notebook_runs_the_scripts_of_its_outputs(either, notebooks, with_script, trusted, shown):
    either.open(notebooks.write(with_script, trusted=trusted))
    either.wait_output(shown, 0)
    assert either.output_text(0) == shown


def test_a_notebook_opens_without_a_kernel(lab, notebooks, with_script, jupyter_lab):
    path = notebooks.write(with_script)
    lab.open_without_kernel(path)
    lab.wait_output("as stored", 0)
    assert lab.output_text(0) == "as stored"
    assert jupyter_lab.session(path) is None


def test_a_request_to_the_outside_is_refused_and_recorded(either, notebooks):
    source = 'from IPython.display import HTML\nHTML(\'<img src="https://example.invalid/pixel.png" alt="refused">\')'
    either.open(notebooks.write([source]))
    either.run_all()
    either.wait_done()
    either.outputs(0).locator("img").wait_for()

    assert set(either.outside_requests) == {"https://example.invalid/pixel.png"}
