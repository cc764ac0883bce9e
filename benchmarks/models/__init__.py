"""Networks written once for every library: each takes the library and builds from its `nn`."""
