"""Files of an entry: from the cache, or from the first source that delivers them."""
