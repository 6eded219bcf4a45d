"""MXNet, which warns while it is imported and uses a name that NumPy 1.24 to 1.26 lack."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lrfinder._optional import require
from lrfinder.errors import MissingExtraError


def _mxnet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lacks_bool = not hasattr(np, "bool")
        if lacks_bool:
            np.bool = np.bool_
        try:
            mxnet: Any = require("mxnet", "gluon")
            if hasattr(mxnet, "device"):  # 2.0 and later
                require("mxnet.amp", "gluon")  # mxnet itself does not import it
            return mxnet
        finally:
            if lacks_bool:
                del np.bool


try:
    mx = _mxnet()
except (OSError, AttributeError) as error:
    message = (
        f"mxnet cannot be imported ({''.join(map(str, error.args))}). It needs numpy below 2 "
        '(pip install "lrfinder[gluon]") and the system libraries libquadmath0 and libgomp1.'
    )
    raise MissingExtraError(message, name="mxnet") from error
if not hasattr(mx, "device"):
    message = f'mxnet {mx.__version__} is too old, 2.0 is needed: run  pip install "lrfinder[gluon]"'
    raise MissingExtraError(message, name="mxnet")
