"""Reports: executions as a document that can be handed to somebody, and notebooks as pages.

::

    executions -> material -> sections -> Document -> html | markdown | notebook

A document is made once, of plain blocks, with every secret masked and every length cut; the writers only escape and lay out. So no format can show what
another one hides."""
