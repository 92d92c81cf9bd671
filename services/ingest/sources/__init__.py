"""Where records come from: mapping files, connection files, and the connectors that fetch and hear.

documents   YAML with lines         mapping_files, connection_files   what customers write
connection  what a connector sees   connectors   one module a type    runner   runs them
kind_baseline   the schemas that were promised
"""

from services.ingest.sources.asking import ask_for_run
from services.ingest.sources.connection import Connection
from services.ingest.sources.connection_files import ConnectionFault, load_connections
from services.ingest.sources.connectors import CONNECTORS
from services.ingest.sources.kind_baseline import SchemaBroken, check_kinds
from services.ingest.sources.mapping_files import MappingFault, load_mappings
from services.ingest.sources.runner import Runner, running
from services.ingest.sources.webhooks import Webhooks

__all__ = [
    "CONNECTORS",
    "Connection",
    "ConnectionFault",
    "MappingFault",
    "Runner",
    "SchemaBroken",
    "Webhooks",
    "ask_for_run",
    "check_kinds",
    "load_connections",
    "load_mappings",
    "running",
]
