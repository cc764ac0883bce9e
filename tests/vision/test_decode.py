"""Reading image files: every kind gives the right pixels, every bad one a clear refusal."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import weft
from weft_vision.io import (
    ImageDecodeError,
    ImageReadMode,
    ImageTooLargeError,
    decode_image,
    encode_png,
    pil_to_tensor,
    to_pil_image,
)


def pixels(image: weft.Tensor) -> np.ndarray:
    """(channels, height, width) as (height, width, channels)."""
    return image.numpy().transpose(1, 2, 0)


def png_file(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of the chunks (name, body)."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def test_a_png_comes_back_pixel_for_pixel(noise, encoded):
    rgb = noise(5, 7, 3)
    image = decode_image(encoded(Image.fromarray(rgb), "PNG"))
    assert image.dtype == weft.uint8
    assert tuple(image.shape) == (3, 5, 7)
    np.testing.assert_array_equal(pixels(image), rgb)


def test_a_path_and_its_bytes_give_the_same_image(media):
    path = media / "chelsea.png"
    expected = np.asarray(Image.open(path))
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes())):
        np.testing.assert_array_equal(pixels(decode_image(source)), expected)


def test_a_decoded_image_can_be_written_to(noise, encoded):
    image = decode_image(encoded(Image.fromarray(noise(2, 2)), "PNG"))
    with weft.no_grad():
        image[0, 0, 0] = 7
    assert image[0, 0, 0].item() == 7


def test_a_jpeg_equals_pillows_decoding(media):
    path = media / "coffee.jpg"
    np.testing.assert_array_equal(pixels(decode_image(path)), np.asarray(Image.open(path)))


def test_a_grey_image_has_one_channel_and_three_as_rgb(noise, encoded):
    grey = noise(4, 6)
    data = encoded(Image.fromarray(grey), "PNG")
    np.testing.assert_array_equal(decode_image(data).numpy(), grey[None])
    rgb = decode_image(data, mode="rgb")
    np.testing.assert_array_equal(rgb.numpy(), np.stack([grey] * 3))


def test_one_bit_images_are_black_and_white(encoded):
    checks = np.indices((3, 9)).sum(0) % 2 == 0
    image = decode_image(encoded(Image.fromarray(checks), "PNG"))
    np.testing.assert_array_equal(image.numpy()[0], checks * 255)


def test_alpha_is_kept_or_dropped_but_never_blended(noise, encoded):
    rgba = noise(4, 5, 4)
    data = encoded(Image.fromarray(rgba), "PNG")
    np.testing.assert_array_equal(pixels(decode_image(data)), rgba)
    np.testing.assert_array_equal(pixels(decode_image(data, mode="rgb")), rgba[..., :3])


def test_grey_with_alpha_keeps_both(noise, encoded):
    both = noise(4, 5, 2)
    data = encoded(Image.fromarray(both, "LA"), "PNG")
    np.testing.assert_array_equal(pixels(decode_image(data)), both)
    assert decode_image(data, mode="gray").shape[0] == 1
    assert decode_image(data, mode="rgb_alpha").shape[0] == 4


def test_a_palette_becomes_its_colours(encoded):
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([2, 0, 1])
    expected = [[70, 80, 90], [10, 20, 30], [40, 50, 60]]
    for format in ("PNG", "GIF"):
        assert pixels(decode_image(encoded(image, format)))[0].tolist() == expected


def test_a_palette_with_transparency_becomes_rgba(encoded):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    data = encoded(image, "PNG", transparency=1)
    assert pixels(decode_image(data))[0].tolist() == [[10, 20, 30, 255], [40, 50, 60, 0]]
    assert pixels(decode_image(data, mode="rgb"))[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert decode_image(data, mode="gray_alpha")[1].tolist() == [[255, 0]]


def test_a_transparent_colour_of_a_grey_png_becomes_alpha(encoded):
    image = Image.new("L", (2, 1))
    image.putdata([5, 9])
    data = encoded(image, "PNG", transparency=9)
    assert pixels(decode_image(data))[0].tolist() == [[5, 255], [9, 0]]


def test_sixteen_bits_keep_their_high_byte(encoded):
    deep = np.array([[0x0000, 0x00FF, 0x1234, 0xFFFF]], dtype=np.uint16)
    image = decode_image(encoded(Image.fromarray(deep), "PNG"))
    assert image.tolist() == [[[0x00, 0x00, 0x12, 0xFF]]]


def test_sixteen_bit_rgb_keeps_its_high_bytes_too():
    row = b"\0" + struct.pack(">6H", 0x1234, 0xFF00, 0x00FF, 0xFFFF, 0x8000, 0x7FFF)
    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    png = png_file((b"IHDR", head), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    assert pixels(decode_image(png))[0].tolist() == [[0x12, 0xFF, 0x00], [0xFF, 0x80, 0x7F]]


def test_cmyk_becomes_rgb(encoded):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    data = encoded(image, "JPEG", quality=100)
    red, green, blue = decode_image(data)[:, 4, 4].tolist()
    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(orientation, encoded):
    upright = np.zeros((16, 24), dtype=np.uint8)
    upright[:8, :8] = 255  # the bright corner is the upper left when seen upright
    # How a camera stores that picture under each orientation tag.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(
        decode_image(data, apply_exif_orientation=True).numpy()[0], upright
    )
    np.testing.assert_array_equal(decode_image(data).numpy()[0], stored)


def test_a_broken_exif_block_does_not_spoil_the_picture(noise, encoded):
    data = encoded(Image.fromarray(noise(3, 3)), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert tuple(decode_image(data, apply_exif_orientation=True).shape) == (1, 3, 3)


@pytest.mark.parametrize("format", ["GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_other_formats_are_read_too(format, encoded):
    data = encoded(Image.new("RGB", (4, 3), (200, 100, 50)), format)
    image = decode_image(data, mode="rgb")
    assert tuple(image.shape) == (3, 3, 4)
    assert abs(int(image[0, 0, 0].item()) - 200) < 8


def test_an_upper_case_mode_is_understood(noise, encoded):
    data = encoded(Image.fromarray(noise(2, 2)), "PNG")
    assert decode_image(data, mode="RGB").shape[0] == 3
    assert decode_image(data, mode=ImageReadMode.RGB).shape[0] == 3


def test_a_misspelt_mode_suggests_the_nearest(noise, encoded):
    with pytest.raises(ValueError, match="'gray_alpa'; did you mean 'gray_alpha'"):
        decode_image(encoded(Image.fromarray(noise(2, 2)), "PNG"), mode="gray_alpa")


def test_a_text_file_is_refused_in_one_sentence(tmp_path: Path):
    path = tmp_path / "photo.jpg"
    path.write_text("this is no picture\n")
    with pytest.raises(ImageDecodeError, match="looks like text") as caught:
        decode_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path):
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(ImageDecodeError, match="is empty"):
        decode_image(path)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no-such\.png"):
        decode_image("no-such.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_a_truncated_image_is_refused(format, noise, encoded):
    data = encoded(Image.fromarray(noise(40, 40, 3)), format)
    for kept in (len(data) // 2, len(data) // 10):
        with pytest.raises(ImageDecodeError, match="image"):
            decode_image(data[:kept])


def test_any_damage_gives_pixels_or_our_error(noise, encoded):
    rng = np.random.default_rng(1)
    for format in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        data = encoded(Image.fromarray(noise(12, 12, 3)), format)
        for _ in range(40):
            damaged = bytearray(data)
            for place in rng.integers(0, len(data), 4):
                damaged[place] = rng.integers(0, 256)
            try:
                decode_image(damaged, apply_exif_orientation=True)
            except ImageDecodeError as error:
                assert "\n" not in str(error)


def test_too_many_pixels_are_refused_before_they_are_unpacked(monkeypatch):
    data = encode_png(weft.zeros(1, 100, 100, dtype=weft.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9_999)
    with pytest.raises(ImageTooLargeError, match="more than 9999 pixels"):
        decode_image(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    assert tuple(decode_image(data).shape) == (1, 100, 100)


def test_a_decompression_bomb_is_refused():
    # 60000 × 60000 in a file of 100 bytes: Pillow's own limit holds without any setting.
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    png = png_file((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    with pytest.raises(ImageTooLargeError, match="decompression bombs"):
        decode_image(png)


def test_formats_that_start_other_programs_are_not_tried():
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    with pytest.raises(ImageDecodeError, match="is not an image"):
        decode_image(eps)


def test_samples_of_32_bits_are_refused_with_the_reason():
    buffer = io.BytesIO()
    Image.new("F", (2, 2)).save(buffer, format="TIFF")
    with pytest.raises(ImageDecodeError, match="32-bit samples"):
        decode_image(buffer.getvalue())


def test_a_source_of_another_type_is_refused():
    with pytest.raises(TypeError, match="must be a path or bytes, got int"):
        decode_image(3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_tensor_to_pillow_and_back_changes_nothing(channels, noise):
    image = weft.from_numpy(noise(channels, 3, 5))
    np.testing.assert_array_equal(pil_to_tensor(to_pil_image(image)).numpy(), image.numpy())
