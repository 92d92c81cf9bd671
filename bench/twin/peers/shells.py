"""basyx-python-sdk: its HTTP server over twins in memory, one submodel a twin. Runs in the environment of the peers.

TWINS=1000 uwsgi --http11-socket 127.0.0.1:PORT --module bench.twin.peers.shells:application
"""

from __future__ import annotations

import itertools
import os
from typing import Any

from basyx.aas import model
from basyx.aas.adapter import aasx
from basyx.aas.adapter.http import WSGIApp

from bench.twin.market import Thing, market

_TYPES = {str: model.datatypes.String, int: model.datatypes.Int, float: model.datatypes.Double}


def _submodel(thing: Thing) -> Any:
    elements = [model.Property(name, _TYPES[type(value)], value) for name, value in thing.properties.items()]
    if thing.above:
        key = model.Key(model.KeyTypes.SUBMODEL, thing.above)
        elements.append(model.ReferenceElement("located_in", model.ModelReference((key,), model.Submodel)))
    return model.Submodel(thing.id, elements, id_short=thing.model)


def _application() -> Any:
    things = itertools.islice(market(10**9), int(os.environ["TWINS"]))
    return WSGIApp(model.DictObjectStore(map(_submodel, things)), aasx.DictSupplementaryFileContainer())


application = _application()
