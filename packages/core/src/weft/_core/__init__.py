"""The machinery that knows no op by name: values, dtypes, op records, dispatch, modes, errors."""
