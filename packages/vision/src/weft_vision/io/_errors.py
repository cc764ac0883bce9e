"""What can be wrong with an image file, as types."""


class ImageDecodeError(ValueError):
    """The bytes are no image that we read, or the image is damaged or cut short."""


class ImageTooLargeError(ImageDecodeError):
    """The image unpacks to more pixels than Pillow's `Image.MAX_IMAGE_PIXELS` allows."""
