"""The names of the classes."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

from weft_vision import categories


def test_there_are_a_thousand_different_labels():
    labels = categories.imagenet_1k()
    assert len(labels) == len(set(labels)) == 1000
    assert all(label == label.strip() and label for label in labels)


def test_known_classes_stand_at_their_indices():
    labels = categories.imagenet_1k()
    known = {0: "tench", 134: "crane bird", 285: "Egyptian cat", 517: "crane", 698: "palace"}
    known |= {638: "maillot", 639: "maillot tank suit", 967: "espresso", 999: "toilet tissue"}
    assert {index: labels[index] for index in known} == known


def test_the_first_synonym_is_the_label():
    synonyms = categories.imagenet_1k_synonyms()
    assert synonyms[1] == ("goldfish", "Carassius auratus")
    assert tuple(names[0] for names in synonyms) == categories.imagenet_1k()


def test_the_notice_of_the_source_is_kept():
    notice = (resources.files("weft_vision.categories") / "imagenet_1k.LICENSE").read_text()
    assert "MIT License" in notice
    assert "Illia Volkov, Nikita Kisel" in notice


def test_importing_the_package_reads_no_data_file():
    program = (
        "import weft_vision.categories._imagenet as m, sys;"
        "sys.exit(m.imagenet_1k_synonyms.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
