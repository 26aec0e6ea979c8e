from typing import Any
def __getattr__(n):
    def f(run,*a):
        raise NotImplementedError(n)
    return f
