"""What can be wrong with a sound file, as a type."""


class AudioDecodeError(ValueError):
    """The bytes are no sound that we read, or the file is damaged or cut short."""
