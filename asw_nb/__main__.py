"""``python -m asw_nb`` is ``asw-nb``."""

from asw_nb.cli import main

raise SystemExit(main())
