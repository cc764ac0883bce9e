"""Models from repositories that carry no entry of an index: `hf:OWNER/NAME@REVISION`."""
