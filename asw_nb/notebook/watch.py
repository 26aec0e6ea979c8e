def watch(x):
    """Placeholder."""
