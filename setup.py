"""What setup.cfg cannot say: the README as an index of packages shows it, where paths of this folder lead nowhere."""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
ALONE = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"*\1*", README)  # of a picture, what it shows
ALONE = re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", ALONE)

setup(long_description=ALONE, long_description_content_type="text/markdown")
