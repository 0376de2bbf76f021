"""Reading ahead keeps the order, gives reasons in their place and holds no more than it should."""

from threading import Event

import cv2
import numpy as np
import pytest

from leukobench.imaging import ahead
from leukobench.imaging.io import ImageError


def test_pictures_come_in_order_and_what_is_wrong_in_its_place(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(9)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), np.full((2, 2, 3), number, np.uint8))
    files[4].write_bytes(b"")
    found = list(ahead.read_ahead(files, threads=3))
    assert isinstance(found.pop(4), ImageError)
    assert [int(picture[0, 0, 0]) for picture in found] == [0, 1, 2, 3, 5, 6, 7, 8]


def test_no_more_files_are_read_than_asked_for_and_so_many_ahead(monkeypatch):
    monkeypatch.setattr(ahead, "read_image", lambda path: np.full((4, 5, 3), path, np.uint8))
    for most, held in ((1 << 30, 2 * ahead.AHEAD), (600, 10), (100, 2)):
        monkeypatch.setattr(ahead, "AHEAD_BYTES", most)
        taken = []
        pictures = ahead.read_ahead((taken.append(number) or number for number in range(200)), threads=2)
        assert [next(pictures)[0, 0, 0] for _ in range(3)] == [0, 1, 2]
        assert len(taken) == held + 3
        pictures.close()


def test_the_next_item_is_made_while_the_last_one_is_worked_on():
    made = Event()

    def items():
        yield 1
        made.set()
        yield 2

    given = ahead.one_ahead(items())
    assert next(given) == 1
    assert made.wait(10)
    assert list(given) == [2]


def test_what_goes_wrong_ahead_is_raised():
    def items():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(ahead.one_ahead(items()))
