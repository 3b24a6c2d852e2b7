"""Texts as the numbers of their words, as Keras 2 has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..system import suggest_names

__all__ = ["Tokenizer", "text_to_word_sequence"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text, without the signs in `filters`.

    >>> text_to_word_sequence("To be, or not to be!")
    ['to', 'be', 'or', 'not', 'to', 'be']
    """
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(sign): split for sign in filters}).split(split) if word]


class Tokenizer:
    """Numbers words, or characters, by how often they occur, from 1; 0 is left for padding.

    - `num_words`: only words with a number below it are kept in sequences
    - `char_level`: every character is a word
    - `oov_token`: what stands, with the number 1, for words that were never seen; without it they are left out

    >>> tokens = Tokenizer()
    >>> tokens.fit_on_texts(["to be or not to be", "to see"])
    >>> tokens.texts_to_sequences(["be or see"])
    [[2, 3, 5]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
    ) -> None:
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token = char_level, oov_token
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.document_count = 0
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if self.char_level or isinstance(text, (list, tuple)):
            return [word.lower() for word in text] if self.lower else list(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of these texts too, and number all anew."""
        counts, docs = Counter(self.word_counts), Counter(self.word_docs)
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            counts.update(words)
            docs.update(set(words))
        self.word_counts, self.word_docs = dict(counts), dict(docs)
        known = [] if self.oov_token is None else [self.oov_token]
        known += sorted(counts, key=lambda word: -counts[word])
        self.word_index = {word: number for number, word in enumerate(known, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return [self._numbers(self._words(text)) for text in texts]

    def _numbers(self, words: list[str]) -> list[int]:
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        found = []
        for word in words:
            number = self.word_index.get(word)
            if number is None or (self.num_words and number >= self.num_words):
                number = unknown
            found += [] if number is None else [number]
        return found

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of these numbers, in one text each."""
        words = [[self.index_word.get(int(number)) for number in sequence] for sequence in sequences]
        return [self.split.join(word for word in each if word is not None) for each in words]

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row for each text, of num_words columns: whether a word is in it ("binary"), or how often ("count", "freq")."""
        if mode not in ("binary", "count", "freq"):
            raise ValueError(f"mode={mode!r}: it must be binary, count or freq")
        sequences = self.texts_to_sequences(texts)
        found = np.zeros((len(sequences), self.num_words or len(self.word_index) + 1))
        for row, sequence in zip(found, sequences):
            np.add.at(row, sequence, 1)
            if mode == "binary":
                np.minimum(row, 1, out=row)
            elif mode == "freq":
                row /= max(len(sequence), 1)
        return found


suggest_names(globals())
