"""Where records come from: the mapping files of the sources."""

from services.ingest.sources.mapping_files import MappingFault, load_mappings

__all__ = ["MappingFault", "load_mappings"]
