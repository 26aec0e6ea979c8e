"""Fixtures of the browser tests: Chromium, one Jupyter server, and a page of either front end.

Every test in this directory is marked `browser`, and under pytest-xdist all of them run in one process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.looking import Album
from tests.browser.pages import LabPage, Notebook7Page, NotebookPage
from tests.browser.server import JupyterServer, Notebooks

HERE = Path(__file__).parent
PICTURES = HERE.parents[1] / "build" / "screenshots"

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failing test leaves a picture of its page in build/screenshots."""
    report = yield
    if report.when == "call" and report.failed:
        for fixture, page in item.funcargs.items():
            if isinstance(page, NotebookPage) and not page.page.is_closed():
                picture = PICTURES / f"failed_{plain(item.name)}_{fixture}.png"
                report.sections.append(("Picture of the page", str(page.screenshot(picture, full=False))))
    return report


def plain(name: str) -> str:
    """A test's name as the name of a file."""
    return re.sub(r"\W+", "_", name).strip("_")[:100]


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium that runs: $CHROMIUM, else the first on the PATH. The test fails when there is none."""
    for name in [os.environ.get("CHROMIUM", ""), *NAMES]:
        path = shutil.which(name) if name else None
        if path and subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0:
            return path
    pytest.fail(
        "No Chromium for the browser tests. Install one (Debian: apt-get install chromium), name one in the "
        "environment variable CHROMIUM, or let `make test` see to it.",
        pytrace=False,
    )


# Not for the whole session: while Playwright runs, its event loop is the running one of this thread, and a test that
# calls asyncio.run, as nbclient does, would fail.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium_path: str) -> Iterator[Browser]:
    """A Chromium with a new user data directory."""
    browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def jupyter_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """The server of JupyterLab and Notebook 7."""
    server = JupyterServer(tmp_path_factory.mktemp("jupyter"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def notebooks(jupyter_lab: JupyterServer, request: pytest.FixtureRequest) -> Notebooks:
    """An empty directory on the server for this test's notebooks."""
    return Notebooks(jupyter_lab, plain(request.node.name))


@pytest.fixture
def lab(browser: Browser, jupyter_lab: JupyterServer) -> Iterator[LabPage]:
    """A page for a notebook in JupyterLab."""
    page = LabPage(browser, jupyter_lab)
    yield page
    page.close()


@pytest.fixture
def notebook7(browser: Browser, jupyter_lab: JupyterServer) -> Iterator[Notebook7Page]:
    """A page for a notebook in Notebook 7."""
    page = Notebook7Page(browser, jupyter_lab)
    yield page
    page.close()


@pytest.fixture(params=["lab", "notebook7"])
def either(request: pytest.FixtureRequest) -> LabPage | Notebook7Page:
    """A page of each front end in turn: the test runs twice."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def pictures() -> Path:
    """Where screenshots are kept to be looked at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES


@pytest.fixture
def album(pictures: Path) -> Album:
    """Where this test's pictures go."""
    return Album(pictures)
