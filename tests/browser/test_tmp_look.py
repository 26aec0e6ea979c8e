import time
from pathlib import Path
import nbformat


def test_look(lab, notebooks):
    for n in ("quickstart", "etl_trades"):
        path = notebooks.write(nbformat.read(Path("notebooks") / f"{n}.ipynb", 4), f"{n}.ipynb")
        lab.open(path)
        lab.run_all()
        for i in range(7):
            time.sleep(0.7)
            lab.screenshot(f"/tmp/shots/{n}-{i}.png", full=False)
        lab.wait_done(120)
        time.sleep(2)
        lab.screenshot(f"/tmp/shots/{n}-done.png")
        lab.save()
