"""What people write: near names, sizes and ages, TOML by line, strict JSON, data by schema."""
