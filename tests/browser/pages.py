"""A notebook in a page of JupyterLab or of Notebook 7, worked by its menus as a person does.

The two front ends share their cells, menus and commands; they differ in the address of a notebook and in what
surrounds it. Texts are looked for in *outputs* only: a search of the whole page also finds the source of a cell.
"""

from __future__ import annotations

import re
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from playwright.sync_api import Browser, Locator, Route, expect

from tests.browser.server import JupyterServer

TIMEOUT_S = 60
VIEWPORT = {"width": 1280, "height": 900}
# A page of all cells can be long; Chromium draws no picture higher than this.
TALLEST_PX = 16_000
OUTSIDE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/]|localhost[:/])")

# Notes whether a cell was marked as waiting or running ("[*]") since it was installed: a quick cell is over before
# the next look at the page.
WATCH_PROMPTS = """() => {
    window.aswStarted = false;
    const look = () => {
        for (const prompt of document.querySelectorAll(".jp-CodeCell .jp-InputPrompt"))
            if (prompt.textContent.includes("*")) window.aswStarted = true;
    };
    new MutationObserver(look).observe(
        document.querySelector(".jp-Notebook"), {subtree: true, childList: true, characterData: true});
}"""

HIDDEN_HEIGHT = """() => Math.max(0, ...[...document.querySelectorAll(".jp-WindowedPanel-outer, .jp-Notebook")]
    .map(box => box.scrollHeight - box.clientHeight))"""


def _exactly(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}$")


class NotebookPage(ABC):
    """One notebook in one page, with cookies and storage of its own.

    Attributes
    ----------
    page : playwright Page
    outside_requests : list of str
        Addresses beyond this machine that the page asked for. None was answered.
    page_errors : list of str
        Exceptions in the page that nobody caught; Notebook 7 has two of its own while it starts.
    """

    def __init__(self, browser: Browser, server: JupyterServer) -> None:
        self.server = server
        self.path = ""
        self.outside_requests: list[str] = []
        self.page_errors: list[str] = []
        self._context = browser.new_context(viewport=VIEWPORT)
        self._context.set_default_timeout(TIMEOUT_S * 1000)
        self._context.route(OUTSIDE, self._refuse)
        self.page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def _refuse(self, route: Route) -> None:
        self.outside_requests.append(route.request.url)
        route.abort()

    @abstractmethod
    def address(self, path: str) -> str:
        """Where this front end shows the notebook at `path`."""

    def open(self, path: str) -> None:
        """Show the notebook and wait until its kernel is idle and connected to this page."""
        self.path = path
        self.page.goto(self.server.url + self.address(path))
        self._wait_shown()
        self._until(lambda: self.server.kernel_is_idle(path), TIMEOUT_S, "its kernel is not idle and connected")

    def _wait_shown(self) -> None:
        """Every cell of the file is in the page. Outputs follow on their own: use `wait_output`."""
        cells = nbformat.read(self.server.root / self.path, as_version=4).cells
        expect(self.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(cells), timeout=TIMEOUT_S * 1000)

    def run_all(self) -> None:
        """Choose Run, "Run All Cells"; returns when the first cell is under way."""
        self.page.evaluate(WATCH_PROMPTS)
        self.menu("Run", "Run All Cells")
        self.page.wait_for_function("() => window.aswStarted")

    def wait_done(self, timeout: float = TIMEOUT_S) -> None:
        """Wait until no cell is running or waiting. What goes on in threads of the kernel is not waited for."""
        self._until(
            lambda: "*" not in "".join(self.prompts()) and self.server.kernel_is_idle(self.path),
            timeout,
            "cells are still running",
        )

    def save(self) -> None:
        """Choose File, "Save Notebook", and wait until the server has written the file."""
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
        ) as saved:
            self.menu("File", "Save Notebook")
        assert saved.value.ok, saved.value.status

    def menu(self, name: str, entry: str) -> None:
        """Choose the entry of the menu `name` that reads `entry`."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=_exactly(name)).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=_exactly(entry)).click()

    def command(self, name: str, args: dict[str, Any] | None = None) -> None:
        """Execute a command of the front end that no menu offers, and wait for its end."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)", [name, args or {}]
        )

    def cell(self, index: int) -> Locator:
        """The code cell number `index`, counted from 0 without the Markdown cells."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def outputs(self, index: int | None = None) -> Locator:
        """The outputs of a code cell, or of all of them."""
        within = self.page.locator(".jp-Notebook") if index is None else self.cell(index)
        return within.locator(".jp-OutputArea-output")

    def output_text(self, index: int | None = None) -> str:
        """The text in the outputs at this moment, one below the other; call `wait_output` first.

        A front end draws an output a little after the cell is done, a stored one a little after the cell is shown.
        """
        return "\n".join(text.strip() for text in self.outputs(index).all_inner_texts())

    def wait_output(self, text: str | re.Pattern[str], index: int | None = None, timeout: float = TIMEOUT_S) -> None:
        """Wait until an output shows `text`."""
        expect(self.outputs(index).filter(has_text=text).first).to_be_visible(timeout=timeout * 1000)

    def prompts(self) -> list[str]:
        """What stands before each code cell: ``[ ]:``, ``[*]:`` or ``[3]:``."""
        return [text.strip() for text in self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()]

    def screenshot(self, path: Path | str, full: bool = True) -> Path:
        """Write a picture of the page; `full` shows all cells, not only those on screen."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = self.page.evaluate(HIDDEN_HEIGHT) if full else 0
        if hidden:
            height = min(VIEWPORT["height"] + hidden, TALLEST_PX)
            self.page.set_viewport_size({"width": VIEWPORT["width"], "height": height})
        self.page.screenshot(path=path)
        if hidden:
            self.page.set_viewport_size(VIEWPORT)
        return path

    def close(self) -> None:
        """Close the page and shut down the notebook's kernel."""
        self._context.close()
        if self.path:
            self.server.end_session(self.path)

    def _until(self, condition: Any, timeout: float, complaint: str) -> None:
        give_up = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > give_up:
                raise TimeoutError(f"{self.path}, after {timeout:g} s: {complaint}.")
            # The page's own pause, not the clock's: requests are answered meanwhile.
            self.page.wait_for_timeout(50)


class LabPage(NotebookPage):
    """A notebook in JupyterLab."""

    def address(self, path: str) -> str:
        """A workspace of its own, so that no tab of an earlier page comes back."""
        return f"lab/workspaces/{uuid.uuid4().hex}/tree/{quote(path)}"

    def open_without_kernel(self, path: str) -> None:
        """Show the notebook as Open With, "Notebook (no kernel)" does: the kernel's name reads "No Kernel"."""
        self.path = path
        folder, _, name = path.rpartition("/")
        self.page.goto(f"{self.server.url}lab/workspaces/{uuid.uuid4().hex}/tree/{quote(folder)}")
        self.page.locator(".jp-DirListing-item", has_text=name).click(button="right")
        self.page.locator(".lm-Menu-item", has_text="Open With").hover()
        self.page.locator(".lm-Menu-item", has_text="Notebook (no kernel)").click()
        self._wait_shown()
        expect(self.page.locator(".jp-KernelName")).to_have_text("No Kernel")


class Notebook7Page(NotebookPage):
    """A notebook in Notebook 7, which always starts a kernel for a notebook that names one."""

    def address(self, path: str) -> str:
        """The page of one notebook."""
        return f"notebooks/{quote(path)}"
