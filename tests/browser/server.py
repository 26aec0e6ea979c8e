"""A real Jupyter server for the browser tests: one process, on the loopback only, for JupyterLab and Notebook 7.

Nothing of the user's own Jupyter reaches it: settings, workspaces, run-time files and the data base of trusted
notebooks lie in a directory of its own. Its kernels are this interpreter, see this checkout first, and keep their
histories in the directory of their notebook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.sign import NotebookNotary

CHECKOUT = Path(__file__).parents[2]
START_S = 120

CONFIG = """
c = get_config()
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = 0
c.ServerApp.allow_root = True
c.ServerApp.open_browser = False
c.ServerApp.disable_check_xsrf = True
c.IdentityProvider.token = ""
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.LabApp.news_url = None
c.LabApp.expose_app_in_browser = True
c.JupyterNotebookApp.expose_app_in_browser = True
"""

SETTINGS = {
    # Every cell is in the page, on screen or not: texts can be read and long pages pictured.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    # Else a question about news covers a corner of every picture.
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # A file changes on the disk when the test saves it, and at no other moment.
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


class JupyterServer:
    """A running server. `root` is the directory whose notebooks it serves, `url` its address with a closing slash."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "notebooks"
        self.log = home / "server.log"
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.root.mkdir(parents=True)
        config = self.home / "server_config.py"
        config.write_text(CONFIG, encoding="utf-8")
        for name, values in SETTINGS.items():
            file = self.home / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", "--config", str(config), f"--ServerApp.root_dir={self.root}"],
                cwd=self.home,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        # Port 0 lets the system choose; the server tells the choice in a file named after its process.
        told = self.home / "runtime" / f"jpserver-{self._process.pid}.json"
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                break
            try:
                self.url = json.loads(told.read_text(encoding="utf-8"))["url"]
                self.api("status")
                return
            except (OSError, ValueError):
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"JupyterLab did not start. Its log:\n{self.log.read_text(errors='replace')}")

    def _environment(self) -> dict[str, str]:
        """Ours, with every place where Jupyter keeps something moved, and the default history beside the notebook."""
        environment = {key: value for key, value in os.environ.items() if key != "ASW_NB_HOME"}
        return environment | {
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])),
        }

    def stop(self) -> None:
        """End the kernels and the process."""
        if self._process is None or self._process.poll() is not None:
            return
        if self.url:
            # First, because a server that has to be killed leaves them behind.
            for session in self.api("sessions"):
                self.api(f"sessions/{session['id']}", method="DELETE")
        self._process.terminate()
        try:
            # Now and then the process, its work done, waits for ever for an idle worker thread of anyio.
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def api(self, path: str, method: str = "GET") -> Any:
        """The parsed answer of ``/api/{path}``; None when it is empty."""
        request = urllib.request.Request(f"{self.url}api/{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def session(self, path: str) -> dict[str, Any] | None:
        """The session of the notebook at `path`, with its kernel's `execution_state` and `connections`."""
        try:
            sessions = self.api("sessions")
        except urllib.error.HTTPError:
            # Status 500 while a kernel starts: there is no session to speak of yet.
            return None
        return next((one for one in sessions if one["path"] == path), None)

    def kernel_is_idle(self, path: str) -> bool:
        """Whether the notebook's kernel waits for work and a page is connected to it.

        The page's own "Idle" does not tell: it shows before the page is connected, and "Run All" then opens a dialog.
        """
        session = self.session(path)
        return session is not None and (
            session["kernel"]["execution_state"] == "idle" and session["kernel"]["connections"] > 0
        )

    def end_session(self, path: str) -> None:
        """Shut down the kernel of the notebook at `path`, when it has one."""
        session = self.session(path)
        if session is not None:
            self.api(f"sessions/{session['id']}", method="DELETE")

    def notary(self) -> NotebookNotary:
        """Signs and checks notebooks with the server's own data base of trusted ones."""
        return NotebookNotary(data_dir=str(self.home / "data"))


class Notebooks:
    """The notebooks of one test, in a directory of their own: kernels start there, so histories lie there too.

    Attributes
    ----------
    folder : Path
        The directory.
    """

    def __init__(self, server: JupyterServer, name: str) -> None:
        self.server = server
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}_", dir=server.root))

    def write(self, notebook: NotebookNode | list[str], name: str = "notebook.ipynb", trusted: bool = False) -> str:
        """Save a notebook, or one made of the sources of its code cells, and return its path on the server.

        A notebook with outputs is untrusted, as one that came by mail, unless `trusted`.
        """
        if isinstance(notebook, list):
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in notebook])
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata.setdefault("kernelspec", kernel)
        nbformat.write(notebook, self.folder / name)
        if trusted:
            self.server.notary().sign(self.read(name))
        return f"{self.folder.name}/{name}"

    def read(self, path: str) -> NotebookNode:
        """What the file holds; `path` is the one that `write` returned, or a bare name."""
        return nbformat.read(self.folder / path.rpartition("/")[2], as_version=4)

    def copy_as_stranger(self, path: str, name: str = "received.ipynb") -> str:
        """A copy that the server does not trust, as one received from somebody else; returns its path."""
        notebook = self.read(path)
        # A signature covers the whole notebook, so one more key makes it void.
        notebook.metadata["received"] = True
        return self.write(notebook, name)

    def is_trusted(self, path: str) -> bool:
        """Whether the server would run the scripts in this notebook's outputs."""
        return self.server.notary().check_signature(self.read(path))
