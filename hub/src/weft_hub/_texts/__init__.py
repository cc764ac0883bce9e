"""What people write: names that are nearly right, sizes and ages, TOML by line, data by schema."""
