"""The composition root: builds a platform from its settings.

It, `treadle.main` and `treadle.administration` are the only places that name adapters.
"""

from treadle.composition.engines import make_engines
from treadle.composition.gateway import Gateway, build
from treadle.composition.serving import run

__all__ = ["Gateway", "build", "make_engines", "run"]
